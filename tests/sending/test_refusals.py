"""Whose fault is a refusal? By real texts, and by what must hold for any text."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.refusals import Cause, Refusal, Stage, classify

# Replies as servers give them: the causes and stages are ours. Where the server repeats its code in
# every line, the lines are joined as newsletter.sending.replies does it.
TEXTS = """
# Google: https://support.google.com/a/answer/3726730
address RCPT 550 5.1.1 The email account that you tried to reach does not exist. 5.1.1 Please try double-checking the recipient's email address for typos or 5.1.1 unnecessary spaces. 5.1.1 Learn more at https://support.google.com/mail/?p=NoSuchUser a1-20020si.1 - gsmtp
address RCPT 550 5.2.1 The email account that you tried to reach is inactive. Learn more at https://support.google.com/mail/?p=DisabledUser x - gsmtp
mailbox RCPT 550 5.2.1 The email account that you tried to reach is disabled. Learn more at https://support.google.com/mail/?p=DisabledUser x - gsmtp
mailbox RCPT 450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. Please resend your message at a later time. https://support.google.com/mail/?p=ReceivingRate x - gsmtp
mailbox RCPT 450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time. x - gsmtp
mailbox RCPT 452 4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaTemp x - gsmtp
mailbox RCPT 552 5.2.2 The recipient's inbox is out of storage space and inactive. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaPerm x - gsmtp
policy BODY 550 5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM. x - gsmtp
policy BODY 550 5.7.26 Unauthenticated email from example.org is not accepted due to domain's DMARC policy. Please contact the administrator of example.org domain if this was a legitimate mail. x - gsmtp
policy BODY 421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address. To protect our users from spam, mail sent from your IP address has been temporarily rate limited. x - gsmtp
policy BODY 421 4.7.0 This message is suspicious due to the very low reputation of the sending IP address. x - gsmtp
policy BODY 550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked. x - gsmtp
policy BODY 550 5.7.1 [192.0.2.1] Our system has detected that this message is likely suspicious due to the very low reputation of the sending domain. To best protect our users from spam, the message has been blocked. x - gsmtp
policy MAIL 421 4.7.0 Try again later, closing connection. (EHLO) x - gsmtp
policy BODY 550 5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record setup, or the corresponding forward DNS entry does not point to the sending IP. x - gsmtp
policy BODY 550 5.7.28 There is an unusual rate of unsolicited mail originating from your IP address. x - gsmtp
content BODY 552 5.3.4 Your message exceeded Google's message size limits. x - gsmtp
policy BODY 552 5.7.0 This message was blocked because its content presents a potential security issue. x - gsmtp
server BODY 451 4.3.0 Mail server temporarily rejected message. x - gsmtp
server RCPT 550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to https://support.google.com/a/answer/166852 x - gsmtp
server RCPT 550 5.7.1 Email quota exceeded. https://support.google.com/a/answer/166852
server MAIL 530 5.7.0 Authentication Required. Learn more at https://support.google.com/mail/?p=WantAuthError x - gsmtp
server CONNECT 535 5.7.8 Username and Password not accepted. Learn more at https://support.google.com/mail/?p=BadCredentials x - gsmtp
server RCPT 452 4.5.3 Your message has too many recipients. For more information regarding Google's sending limits go to https://support.google.com/mail/?p=TooManyRecipients x - gsmtp
policy RCPT 550 5.7.1 The user or domain that you are sending to (or from) has a policy that prohibited the mail that you sent. x - gsmtp
# Microsoft: https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online
address RCPT 550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [DB1.eurprd01.prod.exchangelabs.com 2026-01-01T10:00:00.000Z 08DD]
address RCPT 550 5.4.1 [ada@example.org]: Recipient address rejected: Access denied [AM1.eop-EUR.prod.protection.outlook.com]
address RCPT 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ada@example.org not found by SMTP address lookup
address RCPT 550 5.1.1 RESOLVER.ADR.RecipNotFound; not found
address RCPT 550 5.1.10 Recipient not found
address RCPT 550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [DB3.eop-eur.prod.protection.outlook.com]
mailbox BODY 554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException; Failed to process message due to a permanent exception
mailbox BODY 554 5.2.2 mailbox over quota
policy RCPT 550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140). You can also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors.
policy MAIL 421 RP-001 (SNT004-MC1F1) Unfortunately, some messages from 192.0.2.1 weren't sent. Please try again. We have limits for how many messages can be sent per hour and per day.
policy MAIL 550 SC-001 (BAY004-MC6F2) Unfortunately, messages from 192.0.2.1 weren't sent.
policy CONNECT 451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)
policy RCPT 451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)
policy RCPT 550 5.7.515 Access denied, sending domain EXAMPLE.ORG doesn't meet the required authentication level. The sender's domain in the 5322.From address doesn't meet the authentication requirements defined for the sender.
policy BODY 550 5.7.509 Access denied, sending domain example.org does not pass DMARC verification and has a DMARC policy of reject.
policy RCPT 550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/
policy RCPT 550 5.7.511 Access denied, banned sender[192.0.2.1]. To request removal from this list please forward this message to delist@microsoft.com.
policy RCPT 550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.
policy RCPT 550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. To request removal from this list see https://www.spamhaus.org/query/ip/192.0.2.1 (AS3130).
policy RCPT 550 5.7.23 The message was rejected because of Sender Policy Framework violation
server RCPT 550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain
server RCPT 550 5.7.64 TenantAttribution; Relay Access Denied [DB3.eop-EUR.prod.protection.outlook.com]
server MAIL 530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM
server CONNECT 535 5.7.139 Authentication unsuccessful, basic authentication is disabled.
server RCPT 554 5.4.14 Hop count exceeded - possible mail loop ATTR34
address BOUNCE 550 5.4.310 DNS domain example.invalid does not exist [Message=InfoDomainNonexistent]
server BOUNCE 550 4.4.7 QUEUE.Expired; message expired
policy RCPT 550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group
server BODY 432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded
# Yahoo and AOL: https://senders.yahooinc.com/smtp-error-codes/
policy MAIL 421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes
policy MAIL 553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list; see https://postmaster.yahooinc.com/error-codes
policy BODY 554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes
policy BODY 421 Message from (192.0.2.1) temporarily deferred - 4.16.50. Please refer to http://postmaster.yahoo.com/errors/postmaster-21.html
address BODY 554 delivery error: dd This user doesn't have a yahoo.com account (ada@yahoo.com) [0] - mta1061.mail.ne1.yahoo.com
address BODY 554 delivery error: dd Not a valid recipient - atlas123.free.mail.bf1.yahoo.com
mailbox BODY 554 delivery error: dd Sorry your message to ada@yahoo.com cannot be delivered. This account has been disabled or discontinued [#102]. - mta1.mail.yahoo.com
address RCPT 552 1 Requested mail action aborted, mailbox not found
policy RCPT 451 VS1-MF Excessive unknown recipients - possible Open Relay http://help.yahoo.com/help/us/mail/spam/spam-18.html (#4.1.8)
mailbox RCPT 552 5.2.2 This message is larger than the current system limit or the recipient's mailbox is full. Create a shorter message body or remove attachments and try sending it again.
policy CONNECT 554 5.7.1 (RLY:B1) http://postmaster.info.aol.com/errors/554rlyb1.html
policy CONNECT 421 4.7.1 (DNS:NR) https://postmaster.aol.com/error-codes#421dnsnr
# Apple: https://support.apple.com/102322
address RCPT 550 5.1.1 <ada@icloud.com>: user does not exist
mailbox RCPT 552 5.2.2 <ada@icloud.com>: user is over quota
policy BODY 554 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137
policy RCPT 550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1
policy BODY 554 5.7.1 Your message was rejected due to example.org's DMARC policy. See https://support.apple.com/en-us/HT204137 for info
# GMX, WEB.DE and 1&1: https://postmaster.gmx.net/en/error-messages
policy CONNECT 554 gmx.net (mxgmx101) Nemesis ESMTP Service not available No SMTP service IP address is block listed. For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.1&c=bl
policy CONNECT 554 gmx.net (mxgmx101) Nemesis ESMTP Service not available No SMTP service Bad DNS PTR resource record. For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.1&c=rdns
policy BODY 554 Transaction failed Reject due to policy restrictions. For explanation visit https://postmaster.gmx.net/en/case?c=hi&i=ip&v=192.0.2.1
mailbox RCPT 550 Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.1&c=nu
mailbox RCPT 552 Requested mail action aborted: exceeded storage allocation Quota exceeded. The recipient's mailbox is full.
mailbox RCPT 450 Requested mail action not taken: mailbox unavailable
content BODY 552 Requested mail action aborted: exceeded storage allocation Message size exceeds fixed maximum message size
# T-Online, Orange, Free, La Poste
policy CONNECT 554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.)
address RCPT 550 unknown user
mailbox RCPT 552 5.2.2 <ada@t-online.de>: Mailbox full
policy CONNECT 421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]
address RCPT 550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]
mailbox RCPT 552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]
policy BODY 550 5.5.0 Mail rejete. Mail rejected. OFR_506 [506]
policy CONNECT 550 mwinf5c20 ME Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues. OFR006_102 Ref http://csi.cloudmark.com [102]
policy RCPT 450 4.7.1 Service refuse. Veuillez essayer plus tard. Service refused, please try later. LPN001_108
# Comcast: https://spa.xfinity.com/report, AT&T, Cox, Charter
address RCPT 550 5.1.1 Not our Customer
policy CONNECT 554 resimta-po-13v.sys.comcast.net comcast 192.0.2.1 Comcast BL004 Blocked for spam. Please see http://postmaster.comcast.net/smtp-error-codes.php#BL000000
policy MAIL 421 4.1.0 192.0.2.1 Throttled - try again later. Please see http://postmaster.comcast.net/smtp-error-codes.php#RL000001
policy MAIL 553 5.3.0 flpd584 DNSBL:RBL 521< 192.0.2.1 >_is_blocked.For assistance forward this error to abuse_rbl@abuse-att.net
policy CONNECT 554 cox too many bad commands from 192.0.2.1
# Tencent, NetEase, Mail.ru, Yandex
address RCPT 550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000728
policy CONNECT 550 Ip frequency limited http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000725
policy BODY 550 Mail content denied. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000726
address RCPT 550 User not found: ada@163.com
policy BODY 554 DT:SPM 163 smtp12,EMCowABX,1700000000 http://mail.163.com/help/help_spam_16.htm?ip=192.0.2.1
address BODY 550 Message was not accepted -- invalid mailbox. Local mailbox ada@mail.ru is unavailable: user not found
policy BODY 550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=x or report details to abuse@corp.mail.ru.
address RCPT 550 5.7.1 No such user!
policy BODY 554 5.7.1 [2] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc 1700000000-x
# Proton, Fastmail, Zoho
address RCPT 550 5.1.1 <ada@proton.me>: Recipient address rejected: Address does not exist
mailbox RCPT 450 4.7.1 <ada@proton.me>: Recipient address rejected: Recipient limits exceeded
address RCPT 550 5.1.1 <ada@fastmail.com>: Recipient address rejected: User unknown in virtual mailbox table
policy RCPT 541 Mail rejected by destination domain
# Mimecast, Proofpoint, Barracuda, MessageLabs, Cisco
address RCPT 550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [x.uk1]
policy BODY 554 Email rejected due to security policies - https://community.mimecast.com/docs/DOC-1369#554 [x.uk1]
policy RCPT 550 Rejected by header based manually Blocked Senders - https://community.mimecast.com/docs/DOC-1369#550 [x]
policy RCPT 550 Administrative prohibition - envelope blocked - https://community.mimecast.com/docs/DOC-1369#550 [x]
policy RCPT 550 Anti-Spoofing policy - Inbound not allowed - https://community.mimecast.com/docs/DOC-1369#550 [x]
server RCPT 451 Internal resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [x]
policy CONNECT 554 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1
address RCPT 550 5.1.1 <ada@example.org>... User unknown
address BODY 550 permanent failure for one or more recipients (ada@example.org:550 5.1.1 User Unknown)
policy BODY 550 permanent failure for one or more recipients (ada@example.org:blocked)
policy RCPT 554 Service unavailable; Client host [mail.example.org] blocked using Barracuda Reputation; http://www.barracudanetworks.com/reputation/?r=1&ip=192.0.2.1
address RCPT 550 Invalid recipient <ada@example.org> (#5.1.1)
policy MAIL 553 SPF (Sender Policy Framework) domain authentication fail. Refer to the Troubleshooting page at http://www.symanteccloud.com/troubleshooting for more information. (#5.7.1)
mailbox RCPT 550 #5.1.0 Address rejected.
# Lists of bad senders
policy RCPT 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1
policy RCPT 550 5.7.1 Mail from IP 192.0.2.1 was rejected due to listing in Spamhaus SBL. For details please see http://www.spamhaus.org/query/bl?ip=192.0.2.1
policy RCPT 550 5.1.1 <ada@example.org>: Recipient address rejected: 192.0.2.1 is blocked by our RBL
policy RCPT 550 5.1.1 Your host is listed at bl.spamcop.net, user unknown to us
# Postfix
address RCPT 550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in local recipient table
address RCPT 554 5.7.1 <ada@example.org>: Recipient address rejected: user unknown
mailbox RCPT 450 4.1.1 <ada@example.org>: Recipient address rejected: User unknown in local recipient table
mailbox RCPT 450 4.1.1 <ada@example.org>: Recipient address rejected: unverified address: Address verification in progress
mailbox RCPT 450 4.2.0 <ada@example.org>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.org.html
mailbox RCPT 451 4.7.1 Greylisting in action, please come back in 00:05:00
mailbox RCPT 451 4.7.1 <ada@example.org>: Recipient address rejected: You have been greylisted. Please try again later
policy RCPT 450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]
policy RCPT 450 4.7.1 <mail>: Helo command rejected: Host not found
policy RCPT 550 5.1.8 <news@example.org>: Sender address rejected: Domain not found
policy RCPT 553 5.7.1 <news@example.org>: Sender address rejected: not owned by user news
server RCPT 554 5.7.1 <ada@example.org>: Relay access denied
server RCPT 454 4.7.1 <ada@example.org>: Relay access denied
server RCPT 451 4.3.0 <ada@example.org>: Temporary lookup failure
server RCPT 451 4.3.5 Server configuration error
server MAIL 452 4.3.1 Insufficient system storage
content MAIL 552 5.3.4 Message size exceeds fixed limit
policy CONNECT 421 4.7.0 mx.example.org Error: too many connections from 192.0.2.1
policy CONNECT 421 4.7.0 mx.example.org Error: too many errors
server BOUNCE 554 5.4.6 Too many hops
address BOUNCE 5.4.4 Host or domain name not found. Name service error for name=example.invalid type=AAAA: Host not found
mailbox BOUNCE 4.4.3 Host or domain name not found. Name service error for name=example.org type=MX: Host not found, try again
server BOUNCE 4.4.1 connect to mx.example.org[192.0.2.1]:25: Connection timed out
address RCPT 556 5.1.10 <ada@example.org>: Recipient address rejected: Domain example.org does not accept mail (nullMX)
server BODY 451 4.3.0 Error: queue file write error
# Exim
server RCPT 550 relay not permitted
server RCPT 550 5.7.1 <ada@example.org>... Relaying denied. Proper authentication required.
address RCPT 550 Unrouteable address
address RCPT 550 No Such User Here
policy RCPT 550 Verification failed for <news@example.org> No Such User Here Sender verify failed
policy RCPT 451 Could not complete sender verify callout
policy CONNECT 421 Too many concurrent SMTP connections; please try again later.
policy RCPT 550 Administrative prohibition
mailbox RCPT 550
# Sendmail, Courier, Domino, OpenSMTPD, Dovecot, Zimbra
address RCPT 550 5.1.2 <ada@example.invalid>... Host unknown (Name server: example.invalid: host not found)
policy MAIL 553 5.1.8 <news@example.org>... Domain of sender address news@example.org does not exist
policy MAIL 451 4.1.8 Domain of sender address news@example.org does not resolve
content MAIL 552 5.2.3 Message is too large; exceeds 10240000 bytes
address RCPT 550 User unknown.
address BOUNCE 550 5.1.1 ada@example.org... User not listed in public Name & Address Book
server MAIL 530 5.5.1 Invalid command: Must issue an AUTH command first
address RCPT 550 5.1.1 <ada@example.org> User doesn't exist: ada@example.org
mailbox RCPT 552 5.2.2 <ada@example.org> Quota exceeded (mailbox for user is full)
mailbox RCPT 452 4.2.2 Over quota
# qmail
server RCPT 553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
address RCPT 550 sorry, no mailbox here by that name (#5.1.1 - chkuser)
policy MAIL 553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)
content BODY 552 sorry, that message size exceeds my databytes limit (#5.3.4)
server BODY 451 qq trouble creating files in queue (#4.3.0)
# Amazon SES, SendGrid, Mailgun
server BODY 454 Throttling failure: Maximum sending rate exceeded.
server BODY 454 Throttling failure: Daily message quota exceeded.
policy BODY 554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: news@example.org
address BOUNCE 5.1.1 Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address.
server CONNECT 451 Authentication failed: Maximum credits exceeded
policy BODY 550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.
address BOUNCE 605 Not delivering to previously bounced address
# Codes without words, or with hardly any
address RCPT 550 5.1.1
address RCPT 550 5.1.3
address RCPT 550 5.1.6
mailbox RCPT 550 5.1.0
mailbox RCPT 450 4.1.1
mailbox RCPT 550 5.2.0
mailbox RCPT 550 5.2.1 User unknown
content RCPT 553 5.6.7
policy RCPT 550 5.7.1
server RCPT 503 5.5.1
server BODY 451
mailbox RCPT 451
mailbox RCPT 450 try again later
server RCPT 421 4.3.2 System not accepting network messages
policy BODY 554 5.7.1 Spam message rejected
policy BODY 550 Rejected
policy BODY 554 Transaction failed
server MAIL 550 no such user here
server CONNECT 421 Service not available
server CONNECT 554 No SMTP service here
"""


def lines() -> Iterator[tuple[Cause, Stage, int, str]]:
    for line in TEXTS.strip().splitlines():
        if not line.startswith("#"):
            cause, stage, code, *rest = line.split(" ", 3)
            has_code = len(code) == 3 and code.isdigit()
            text = " ".join(rest if has_code else [code, *rest])
            yield Cause(cause), Stage[stage], int(code) if has_code else 0, text


@pytest.mark.parametrize(("cause", "stage", "code", "text"), list(lines()))
def test_real_texts(cause, stage, code, text):
    assert classify(code, text, stage).cause is cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("5.6.7 The address needs SMTPUTF8, which the mail server does not offer.", Cause.CONTENT),
        ("5.1.3 The address can't be written in an envelope.", Cause.ADDRESS),
        ("5.3.4 450 bytes; the mail server takes 421.", Cause.CONTENT),
        ("'user' is unknown: no such user, mailbox full, blocked", Cause.CONTENT),
    ],
)
def test_what_we_say_ourselves_is_not_read_as_a_servers_words(text, cause):
    assert classify(0, text, Stage.RCPT) == Refusal(cause, is_final=True)


@pytest.mark.parametrize(
    ("code", "text", "stage", "is_final"),
    [
        (550, "5.1.1 no such user", Stage.RCPT, True),
        (552, "5.2.2 mailbox full", Stage.RCPT, True),
        (450, "4.2.0 greylisted", Stage.RCPT, False),
        (450, "5.1.1 no such user", Stage.RCPT, False),
        (0, "smtp; 450 4.2.2 over quota", Stage.BOUNCE, False),
        (0, "4.4.7 expired", Stage.BOUNCE, False),
        (0, "5.0.0 smtp; 554 no", Stage.BOUNCE, True),
        (0, "The mail could not be delivered.", Stage.BOUNCE, True),
    ],
)
def test_whether_it_is_the_last_word(code, text, stage, is_final):
    assert classify(code, text, stage).is_final is is_final


# --- any text ---------------------------------------------------------------------------

WORDS = [
    *("user unknown", "no such user", "mailbox full", "blocked", "spam", "relay denied", "sender"),
    *("5.1.1", "4.2.2", "5.7.1", "#5.1.0", "550", "450", "a@b.example", "recipient", "rejected"),
    *("does not exist", "your ip", "listed", "quota", "exceeded", ":", ";", ".", "-", "<", ">"),
]
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
STAGES = st.sampled_from(Stage)
ABOUT_US = st.sampled_from(
    [
        "Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "SPF check failed",
        "Sender address rejected",
        "Message looks like spam",
        "reverse DNS lookup failed",
        "poor reputation",
        "Relay access denied",
    ]
)


@given(st.integers(0, 999), st.text() | SENTENCES, STAGES)
def test_no_text_is_too_odd(code, text, stage):
    refusal = classify(code, text, stage)

    assert refusal.cause in Cause
    assert isinstance(refusal.is_final, bool)


@given(st.integers(400, 499), SENTENCES, STAGES)
def test_later_is_never_the_end_of_an_address(code, text, stage):
    assert classify(code, text, stage).cause is not Cause.ADDRESS


@given(st.integers(500, 599), SENTENCES, st.sampled_from([Stage.CONNECT, Stage.MAIL]))
def test_before_anybody_was_named_nobody_is_to_blame(code, text, stage):
    assert classify(code, text, stage).cause not in (Cause.ADDRESS, Cause.MAILBOX)


@given(ABOUT_US, st.sampled_from(["no such user", "user unknown", "mailbox not found"]), STAGES)
def test_words_about_us_win(about_us, about_the_recipient, stage):
    for text in (f"{about_us}; {about_the_recipient}", f"{about_the_recipient}; {about_us}"):
        assert classify(550, f"5.1.1 {text}", stage).cause in (Cause.POLICY, Cause.SERVER)


@given(SENTENCES)
def test_an_address_says_nothing(text):
    refusal = classify(550, text, Stage.RCPT)

    for address in ("spam@blocked.example", "<no-such-user@dmarc.example>"):
        assert classify(550, f"{text} {address}", Stage.RCPT) == refusal
