#!/usr/bin/env python3
"""Checks every #include against the layer table in src/CMakeLists.txt, and every confined third-party header.

usage: check.py SOURCE_DIR      exits 1 and prints file:line for each breach
Rules: a folder includes its own private headers, and public headers (include/peerzone/<folder>/) of its DEPS; a public header exists
only where another folder includes it, itself or through another public header (tests do not count); third-party headers stay in the
files named in CONFINED, and out of public headers; PURE folders and dns, view, zone, cache see no Asio and no thread, not even
through a header of ours; PURE folders have no sockets and no clock; what a comment names in src/README.md stands there as a heading
or a step, and a header that it names is there. check_test.py breaks each rule once.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*(?:/\*.*?\*/\s*)?#\s*include\s*([<"])([^>"]+)[>"]')
ANY_INCLUDE = re.compile(r'^\s*(?:/\*.*?\*/\s*)?#\s*(?:include|import)')
LAYER = re.compile(r'layer\((\w+)([^)]*)\)')

# header prefix -> files (below src/ or include/peerzone/) that may include it; a folder that is not there yet, kube/, allows nothing:
# without its line in the table no file of it passes
CONFINED = {
    'ares': [r'discovery/lookup'],
    'ldns/': [r'dns/record\.', r'zone/'],
    'yaml-cpp/': [r'config/'],
    'boost/beast': [r'kube/', r'admin/', r'cli/admin_client'],
    'boost/json': [r'kube/', r'admin/', r'cli/check', r'cli/explain'],
    'openssl/': [r'[^/]*/[^/]*tls', r'[^/]*/stream_', r'kube/http_'],
    'boost/asio/ssl': [r'[^/]*/[^/]*tls', r'[^/]*/stream_', r'kube/http_'],
    'boost/asio/impl': [r'base/asio\.cpp'],
    'prometheus/': [r'metrics/render'],
    'CLI/': [r'cli/'],
    'spdlog/': [r'base/log\.'],
    'fmt/': [r'base/log\.'],
    'gtest/': [],
    'gmock/': [],
}
NO_ASIO = {'dns', 'view', 'zone', 'cache'}
THREAD = re.compile(r'(thread|future|condition_variable|semaphore|barrier|latch|stop_token|pthread\.h|boost/asio|boost/thread)')
SOCKET = re.compile(r'(sys/(socket|epoll|select)\.h|netdb\.h|poll\.h|unistd\.h|ifaddrs\.h)$')
NAMED = re.compile(r'src/README\.md, "([^"]+)"(?:,? step (\d+))?(?: and "([^"]+)")?')
HEADER = re.compile(r'(?<![\w/.<])(?:\w+/)+\w+\.hpp')
WRAP = re.compile(r'\n\s*(?://+<?|#)?\s*')  # a comment that goes on in the next line
CLOCK = re.compile(r'\b(Clock|_clock)::now\(|\w_clock::now\(|\b(clock_gettime|gettimeofday)\(')


class Tree:
    """The sources below `root`, and what is wrong with them."""

    def __init__(self, root):
        self.root = root
        self.errors = []
        self.used_by = {}  # public header -> other folders that include it
        self.seen = {}     # file -> what it includes, itself or through headers of ours
        self.layers = self.read_table()

    def read_table(self):
        """folder -> (folders it may include, is PURE), from lines layer(<folder> [PURE] [HOT] DEPS ... LIBS ...)."""
        layers = {}
        for n, line in enumerate((self.root / 'src/CMakeLists.txt').read_text().splitlines(), 1):
            m = LAYER.match(line)
            if not m:
                continue
            words, deps, mode = m[2].split(), [], ''
            for w in words:
                if w in ('DEPS', 'LIBS', 'PURE', 'HOT'):
                    mode = w
                elif mode == 'DEPS':
                    deps.append(w)
                elif w.startswith('pz_'):
                    self.errors.append(f'src/CMakeLists.txt:{n}: {m[1]} links {w} past its DEPS')
            for d in deps:
                if d not in layers:
                    self.errors.append(f'src/CMakeLists.txt:{n}: {m[1]} needs {d}, which does not stand above it')
            layers[m[1]] = (set(deps), 'PURE' in words)
        return layers

    def includes(self, path):
        for n, line in enumerate(path.read_text().splitlines(), 1):
            m = INCLUDE.match(line)
            if m:
                yield n, m[1], m[2]
            elif ANY_INCLUDE.match(line):
                yield n, '', line.strip()

    def resolve(self, inc):
        """The file of ours that `inc` names, if it is one."""
        path = self.root / ('include' if inc.startswith('peerzone/') else 'src') / inc
        return path if path.is_file() else None

    def reached(self, path):
        """Every header that `path` includes, directly or through headers of ours."""
        if path not in self.seen:
            self.seen[path] = found = set()
            for _, _, inc in self.includes(path):
                found.add(inc)
                ours = self.resolve(inc)
                if ours:
                    found |= self.reached(ours)
        return self.seen[path]

    def check_file(self, path):
        name = path.relative_to(self.root)
        public = name.parts[0] == 'include'
        if public and name.parts[1] != 'peerzone':
            return self.errors.append(f'{name}: not below include/peerzone/')
        rel = name.relative_to('include/peerzone' if public else 'src')
        if path.suffix != '.hpp' and (public or path.suffix != '.cpp'):
            return self.errors.append(f'{name}: sources end in .cpp or .hpp, public headers in .hpp')
        main = str(name) == 'src/main.cpp'
        folder = 'main' if main else rel.parts[0]
        if not main and (len(rel.parts) < 2 or folder not in self.layers):
            return self.errors.append(f'{name}: folder {folder} has no line in src/CMakeLists.txt')
        deps, pure = ({'cli'}, False) if main else self.layers[folder]
        for n, quote, inc in self.includes(path):
            self.check_include(f'{name}:{n}', rel, public, folder, deps, quote, inc)
            if pure and SOCKET.match(inc):
                self.errors.append(f'{name}:{n}: {folder} knows no sockets: <{inc}>')
        if pure or folder in NO_ASIO:
            for inc in sorted(filter(THREAD.match, self.reached(path))):
                self.errors.append(f'{name}: {folder} knows no Asio and starts no thread: <{inc}>')
        if pure:
            for n, line in enumerate(path.read_text().splitlines(), 1):
                if CLOCK.search(line.split('//')[0]):
                    self.errors.append(f'{name}:{n}: {folder} has no clock of its own')

    def check_include(self, at, rel, public, folder, deps, quote, inc):
        parts = inc.split('/')
        if not quote:
            self.errors.append(f'{at}: cannot tell what this includes: {inc}')
        elif '..' in parts or '.' in parts:
            self.errors.append(f'{at}: a path that goes up or stays: {inc}')
        elif parts[0] == 'peerzone':
            if parts[1] != folder:
                self.used_by.setdefault(inc, set()).add(folder)
                if parts[1] not in deps:
                    self.errors.append(f'{at}: {folder} may not include {parts[1]} (allowed: {" ".join(sorted(deps))})')
        elif quote == '"' or parts[0] in self.layers:
            if public:
                self.errors.append(f'{at}: a public header includes the private header {inc}')
            elif parts[0] != folder:
                self.errors.append(f'{at}: private header of another folder: {inc}')
        for prefix, where in CONFINED.items():
            if not inc.startswith(prefix):
                continue
            if not any(re.match(w, str(rel)) for w in where):
                self.errors.append(f'{at}: <{inc}> is confined to {" ".join(where) or "tests"}')
            elif public:
                self.errors.append(f'{at}: a public header hands <{inc}> on to other folders')

    def check_named(self):
        """Comments that send the reader to a heading of src/README.md, or to a step of the list below it."""
        text = (self.root / 'src/README.md').read_text()
        parts = re.split(r'^#+ (.+)$', text, flags=re.M)
        sections = dict(zip(parts[1::2], parts[2::2]))
        for top in ('src', 'include', 'tests'):
            for path in sorted(p for p in (self.root / top).rglob('*') if p.suffix in {'.cpp', '.hpp', '.py', '.sh', '.txt'}):
                if path.parent.name == 'layers':
                    continue
                if path.suffix in {'.cpp', '.hpp'}:
                    self.check_headers_named(path)
                for first, step, second in NAMED.findall(WRAP.sub(' ', path.read_text())):
                    for name in filter(None, (first, second)):
                        if name not in sections:
                            self.errors.append(f'{path.relative_to(self.root)}: src/README.md has no "{name}"')
                    if step and not re.search(rf'^{step}\. ', sections.get(first, ''), flags=re.M):
                        self.errors.append(f'{path.relative_to(self.root)}: src/README.md, "{first}" has no step {step}')

    def check_headers_named(self, path):
        """Comments that send the reader to a header."""
        for n, line in enumerate(path.read_text().splitlines(), 1):
            for named in HEADER.findall(line.partition('//')[2]):
                if not any((self.root / below / named).is_file() for below in ('', 'src', 'include', 'include/peerzone', 'tests')):
                    self.errors.append(f'{path.relative_to(self.root)}:{n}: a comment names {named}, which is not there')

    def check(self):
        if not self.layers:
            sys.exit('layers: no layer table found in src/CMakeLists.txt')
        other = {'CMakeLists.txt', 'README.md'}
        files = [p for top in ('src', 'include') for p in sorted((self.root / top).rglob('*'))
                 if p.is_file() and p.name not in other and not p.name.startswith('.')]
        if not files:
            sys.exit('layers: no sources found')
        for path in files:
            self.check_file(path)
        self.check_named()
        needed = set(self.used_by)  # by another folder, or by a header that another folder includes
        for inc in self.used_by:
            needed |= self.reached(self.root / 'include' / inc) if self.resolve(inc) else set()
        for path in sorted((self.root / 'include/peerzone').rglob('*/*.hpp')):
            inc = str(path.relative_to(self.root / 'include'))
            if inc not in needed:
                self.errors.append(f'include/{inc}: no other folder needs it; it belongs into src/{inc.split("/")[1]}/')
        print('\n'.join(self.errors) or f'layers: {len(files)} files, {len(self.layers)} layers, no breach')
        return 1 if self.errors else 0


sys.exit(Tree(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.')).check())
