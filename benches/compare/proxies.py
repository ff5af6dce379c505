"""The proxies that are compared, and the origin: their configurations, as like as they can be made.

Each proxy has the same listeners: `none` (nodes in turn), `source` and `cookie` (persistence), `tls` (persistence by
source address). Two nodes, which are two addresses of one origin; bodies of 1 KiB at /, of 64 KiB at /64k."""

import os
import pathlib
import subprocess

from process import Failure, Ports, Process, get

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Instance:
    """A running proxy and the ports of its listeners."""

    def __init__(self, process, ports, log=None):
        self.process, self.ports, self.log = process, ports, log

    def ready(self):
        """Waits for an answer of the origin's through each listener without TLS."""
        for name, port in self.ports.items():
            if name != "tls":
                self.process.wait_for(lambda port=port: get(port).startswith(b"HTTP/1.1 200"))
        return self

    def stop(self):
        self.process.stop()
        if self.log:
            self.log.unlink(missing_ok=True)


class Farm:
    """The folder with the files of one run, and what the proxies share."""

    def __init__(self, folder, edge, bare):
        self.folder, self.edge_binary, self.bare_binary = pathlib.Path(folder), edge, bare
        self.ports = Ports()
        self.folder.chmod(0o755)  # nginx's workers are another user
        # One key for every proxy: P-256, what a certificate authority gives out today.
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", "/CN=bench", "-keyout", self.path("key.pem"), "-out", self.path("certificate.pem")])
        self.path("both.pem").write_text(self.path("certificate.pem").read_text() + self.path("key.pem").read_text())
        if edge:
            run([edge, "keys", "new", self.path("cookie-keys.txt")])

    def path(self, name):
        return self.folder / name

    def write(self, name, text):
        self.path(name).write_text(text)
        return self.path(name)

    def listeners(self, *names):
        return {name: self.ports.take() for name in names}

    # The origin.

    def origin(self, workers, cores):
        """nginx that answers from memory; gives its process and port."""
        port = self.ports.take()
        (self.path("www")).mkdir(exist_ok=True)
        self.write("www/64k", "x" * 65536)
        conf = self.write(f"origin{workers}.conf", f"""{self.nginx_head(f'origin{workers}', workers)}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type text/plain;
  sendfile on; tcp_nopush on; open_file_cache max=10; root {self.path('www')};
  server {{
    listen 127.0.0.1:{port} backlog=4096; listen 127.0.0.2:{port} backlog=4096;
    location / {{ return 200 "{'x' * 1024}"; }}
    location = /64k {{ }}
  }}
}}""")
        process = Process(["nginx", "-p", self.folder, "-c", conf], cores, self.path(f"origin{workers}.out"))
        process.wait_for(lambda: get(port).startswith(b"HTTP/1.1 200"))
        return process, port

    def nginx_head(self, name, workers, master=True):
        user = "user root;" if os.geteuid() == 0 else ""
        return (f"daemon off; master_process {'on' if master else 'off'}; worker_processes {workers}; {user}\n"
                f"error_log {self.path(name + '.err')} error; pid {self.path(name + '.pid')};\n"
                "events { worker_connections 10000; }")

    # The proxies. `threads` workers; `cores` as taskset wants them; `wrap` goes in front of the command.

    def edge(self, name, origin, cores, threads=1, log=False, wrap=()):
        """Its workers are as many as `cores`, whatever `threads`."""
        ports = self.listeners("none", "source", "cookie", "tls")
        log_file = self.path(f"{name}.access.log") if log else None
        conf = self.write(f"{name}.yaml", f"""
listeners:
  none:   {{ bind: "127.0.0.1:{ports['none']}" }}
  source: {{ bind: "127.0.0.1:{ports['source']}" }}
  cookie: {{ bind: "127.0.0.1:{ports['cookie']}" }}
  tls:
    bind: "127.0.0.1:{ports['tls']}"
    tls: {{ certificates: [ {{ certificate: certificate.pem, key: key.pem }} ] }}
nodes:
  n1: {{ address: 127.0.0.1 }}
  n2: {{ address: 127.0.0.2 }}
persistence:
  none:   {{ by: none }}
  source: {{ by: source_ip }}
  cookie: {{ by: cookie, cookie: {{ name: EDGE, keys: [cookie-keys.txt] }} }}
pools:
  p: {{ role: none, nodes: [n1, n2], port: {origin}, probe: {{ interval: 10m }}, slow_start: 0s }}
routes:
  - {{ listener: none,   pool: p, persistence: none }}
  - {{ listener: source, pool: p, persistence: source }}
  - {{ listener: cookie, pool: p, persistence: cookie }}
  - {{ listener: tls,    pool: p, persistence: source }}
admin: null
log: {{ access: {f'{{ to: {log_file}, format: json }}' if log else 'null'}, level: warn }}
limits: {{ requests_per_connection: 1000000000, connections: 9000 }}
""")
        return Instance(self.start(name, [*wrap, self.edge_binary, "run", "--config", conf], cores), ports, log_file)

    def haproxy(self, name, origin, cores, threads=1, log=False, wrap=()):
        ports = self.listeners("none", "source", "cookie", "tls")
        log_file = self.path(f"{name}.out") if log else None
        servers = f"""
  server n1 127.0.0.1:{origin} check inter 10m
  server n2 127.0.0.2:{origin} check inter 10m"""
        conf = self.write(f"{name}.cfg", f"""
global
  nbthread {threads}
  maxconn 9000
  ssl-default-bind-options ssl-min-ver TLSv1.2
  {'log stdout format raw local0 info' if log else ''}
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 120s
  timeout server 300s
  {'log global' if log else ''}
  {'option httplog' if log else ''}
frontend none
  bind 127.0.0.1:{ports['none']}
  default_backend none
frontend source
  bind 127.0.0.1:{ports['source']}
  default_backend source
frontend cookie
  bind 127.0.0.1:{ports['cookie']}
  default_backend cookie
frontend tls
  bind 127.0.0.1:{ports['tls']} ssl crt {self.path('both.pem')}
  default_backend source
backend none
  balance roundrobin{servers}
backend source
  balance roundrobin
  stick-table type ip size 100k expire 10h
  stick on src{servers}
backend cookie
  balance roundrobin
  cookie SERVER insert indirect nocache
  server n1 127.0.0.1:{origin} cookie n1 check inter 10m
  server n2 127.0.0.2:{origin} cookie n2 check inter 10m
""")
        return Instance(self.start(name, [*wrap, "haproxy", "-db", "-f", conf], cores), ports, log_file)

    def nginx(self, name, origin, cores, threads=1, log=False, wrap=()):
        ports = self.listeners("none", "source", "tls")
        log_file = self.path(f"{name}.access.log") if log else None
        def location(upstream):
            return f"""location / {{
      proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
    }}"""
        servers = f"server 127.0.0.1:{origin}; server 127.0.0.2:{origin}; keepalive 512; keepalive_requests 1000000000;"
        conf = self.write(f"{name}.conf", f"""{self.nginx_head(name, threads, master=not wrap)}
http {{
  access_log {f'{log_file} combined buffer=64k flush=10ms' if log else 'off'};
  keepalive_requests 1000000000; keepalive_timeout 120s; default_type text/plain;
  ssl_certificate {self.path('certificate.pem')}; ssl_certificate_key {self.path('key.pem')};
  ssl_session_cache shared:sessions:10m;
  upstream none {{ {servers} }}
  upstream source {{ hash $remote_addr consistent; {servers} }}
  server {{ listen 127.0.0.1:{ports['none']} backlog=4096; {location('none')} }}
  server {{ listen 127.0.0.1:{ports['source']} backlog=4096; {location('source')} }}
  server {{ listen 127.0.0.1:{ports['tls']} ssl backlog=4096; {location('source')} }}
}}""")
        return Instance(self.start(name, [*wrap, "nginx", "-p", self.folder, "-c", conf], cores), ports, log_file)

    def bare(self, name, origin, cores, threads=1, log=False, wrap=()):
        """It has no log, whatever `log`."""
        ports = self.listeners("none", "tls")
        command = [self.bare_binary, threads, f"127.0.0.1:{ports['none']}", f"127.0.0.1:{ports['tls']}",
                   self.path("certificate.pem"), self.path("key.pem"), f"127.0.0.1:{origin}", f"127.0.0.2:{origin}"]
        return Instance(self.start(name, [*wrap, *command], cores), ports)

    def start(self, name, command, cores):
        return Process(command, cores, self.path(f"{name}.out"))


def run(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{command[0]}: {done.stderr or done.stdout}")


def need(*commands):
    """Installs what is missing, as the tests do."""
    if subprocess.run([ROOT / "tests" / "needs", *commands]).returncode:
        raise Failure("commands are missing")


def build_edge():
    """The release build of this tree."""
    return build(ROOT, "identity-edge")


def build_bare():
    """The bare proxy, beside the edge's build: most of what both depend on is built once."""
    return build(HERE / "bare-pingora", "bare-pingora")


def build(project, name):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    # CARGO may name a wrapper.
    cargo = os.environ.get("CARGO", "cargo")
    if subprocess.run([cargo, "build", "--locked", "--release", "--bin", name, "--target-dir", target],
                      cwd=project).returncode:
        raise Failure(f"{name} was not built")
    return target / "release" / name
