"""What readers' programs call themselves: common browsers and mail programs."""

AGENTS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Mobile/15E148",
    *(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{version}.0.0.0 Safari/537.36"
        for version in range(130, 142)
    ),
    *(
        f"Mozilla/5.0 (Linux; Android {version}; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/141.0.0.0 Mobile Safari/537.36"
        for version in range(11, 16)
    ),
    *(
        f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Thunderbird/{version}.0"
        for version in range(115, 145)
    ),
]
