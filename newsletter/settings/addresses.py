"""Where the installation is reached, and where its processes listen."""

from urllib.parse import urlsplit

from newsletter import env

_env = env.read()

PUBLIC_URL = _env.public_url
TRACKING_URL = _env.tracking_url
ALLOWED_HOSTS = [*_env.allowed_hosts, str(urlsplit(PUBLIC_URL).hostname)]
TRUSTED_PROXIES = _env.trusted_proxies
WEB_HOST, WEB_PORT, WEB_THREADS = _env.web_host, _env.web_port, _env.web_threads
EDGE_HOST, EDGE_PORT, EDGE_WORKERS = _env.edge_host, _env.edge_port, _env.edge_workers
