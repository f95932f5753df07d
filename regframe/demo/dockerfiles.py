"""The Dockerfiles that the sample images are said to be built from: what stands in their history and config.

They follow the official images in outline and are much shorter. In front of a step stands the size of the layer that
it makes: compressed bytes on amd64, made up but of the size of a real one. Names in braces are filled in. ``RAW``
stands in the history as it is, and ``~`` keeps a step out of the history.
"""

from __future__ import annotations

ALPINE = """
{size} ADD alpine-minirootfs-{version}-{machine}.tar.gz /
       CMD ["/bin/sh"]
"""

DEBIAN = """
{size} ADD {rootfs} /
       CMD ["bash"]
"""

DEBIAN_OCI = """
{size} RAW # debian.sh --arch '{debian}' out/ '{suite}' '@{epoch}'
~      CMD ["bash"]
"""

UBUNTU = """
{size} ADD {rootfs} /
194k   RUN echo '#!/bin/sh' > /usr/sbin/policy-rc.d && echo 'exit 101' >> /usr/sbin/policy-rc.d
1900   RUN sed -i 's/^#\\s*\\(deb.*universe\\)$/\\1/g' /etc/apt/sources.list
       CMD ["/bin/bash"]
"""

WINDOWS = """
{size} RAW Apply image {os_version}
{more} RAW Install update {os_version}
~      CMD ["c:\\\\windows\\\\system32\\\\cmd.exe"]
"""

BUILDPACK_DEPS = """
24.0M RUN apt-get update; apt-get install -y --no-install-recommends ca-certificates curl gnupg netbase sq wget
64.4M RUN apt-get update; apt-get install -y --no-install-recommends git mercurial openssh-client subversion procps
211M  RUN apt-get update; apt-get install -y --no-install-recommends autoconf automake bzip2 g++ gcc libssl-dev make
"""

ARCHLINUX = """
{size} COPY {rootfs} /
8700   RUN ldconfig && sed -i '/BUILD_ID/a VERSION_ID={build}' /etc/os-release
       ENV LANG=C.UTF-8
       CMD ["/usr/bin/bash"]
"""

BUSYBOX = """
{size} ADD {rootfs} /
       CMD ["sh"]
"""

HELLO = """
2400 COPY hello-{commit} /
     CMD ["/hello"]
"""

HELLO_WINDOWS = """
1180 RAW cmd /S /C #(nop) COPY multi:{commit} in C:\\
     RAW cmd /S /C #(nop)  CMD ["cmd" "/C" "type C:\\hello.txt"]
~    CMD ["cmd", "/C", "type C:\\\\hello.txt"]
"""

HTTPD_DEBIAN = """
      ENV HTTPD_PREFIX=/usr/local/apache2
      ENV PATH=/usr/local/apache2/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
176   RUN mkdir -p "$HTTPD_PREFIX" && chown www-data:www-data "$HTTPD_PREFIX"
      WORKDIR /usr/local/apache2
1.72M RUN apt-get update; apt-get install -y --no-install-recommends ca-certificates libaprutil1-ldap libldap-common
      ENV HTTPD_VERSION={version}
      ENV HTTPD_SHA256={sha256}
24.0M RUN ./configure --prefix="$HTTPD_PREFIX" --enable-mods-shared=reallyall; make -j "$(nproc)"; make install
      STOPSIGNAL SIGWINCH
300   COPY httpd-foreground /usr/local/bin/
      EXPOSE 80/tcp
      CMD ["httpd-foreground"]
"""

HTTPD_ALPINE = """
932   RUN set -x && adduser -u 82 -D -S -G www-data www-data
      ENV HTTPD_PREFIX=/usr/local/apache2
      ENV PATH=/usr/local/apache2/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
146   RUN mkdir -p "$HTTPD_PREFIX" && chown www-data:www-data "$HTTPD_PREFIX"
      WORKDIR /usr/local/apache2
11.0M RUN apk add --no-cache apr apr-util apr-util-ldap ca-certificates perl
      ENV HTTPD_VERSION={version}
      ENV HTTPD_SHA256={sha256}
5.81M RUN ./configure --prefix="$HTTPD_PREFIX" --enable-mods-shared=reallyall; make -j "$(nproc)"; make install
      STOPSIGNAL SIGWINCH
286   COPY httpd-foreground /usr/local/bin/
      EXPOSE 80/tcp
      CMD ["httpd-foreground"]
"""

_NGINX_FILES = """
627   COPY docker-entrypoint.sh /
955   COPY 10-listen-on-ipv6-by-default.sh /docker-entrypoint.d
404   COPY 15-local-resolvers.envsh /docker-entrypoint.d
1210  COPY 20-envsubst-on-templates.sh /docker-entrypoint.d
1400  COPY 30-tune-worker-processes.sh /docker-entrypoint.d
      ENTRYPOINT ["/docker-entrypoint.sh"]
      EXPOSE 80/tcp
      STOPSIGNAL SIGQUIT
      CMD ["nginx", "-g", "daemon off;"]
"""

NGINX_DEBIAN = f"""
      LABEL maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>
      ENV NGINX_VERSION={{version}}
      ENV PKG_RELEASE=1~{{suite}}
41.3M RUN groupadd --system --gid 101 nginx; apt-get install -y nginx=$NGINX_VERSION-$PKG_RELEASE nginx-module-njs
{_NGINX_FILES}
"""

NGINX_ALPINE_SLIM = f"""
      LABEL maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>
      ENV NGINX_VERSION={{version}}
      ENV PKG_RELEASE=1
1.79M RUN addgroup -g 101 -S nginx && apk add --no-cache "nginx=$NGINX_VERSION-r$PKG_RELEASE" tzdata
{_NGINX_FILES}
"""

NGINX_ALPINE = f"""
{NGINX_ALPINE_SLIM}
      ENV NJS_RELEASE=1
13.9M RUN apk add --no-cache nginx-module-xslt nginx-module-geoip nginx-module-image-filter nginx-module-njs
"""

NGINX_ALPINE_PERL = f"""
{NGINX_ALPINE}
12.6M RUN apk add --no-cache nginx-module-perl=$NGINX_VERSION-r$PKG_RELEASE
"""

_NODE = """
      ENV NODE_VERSION={version}
{size} RUN curl -fsSLO "https://nodejs.org/dist/v$NODE_VERSION/node-v$NODE_VERSION-linux-$ARCH.tar.xz" && node --version
      ENV YARN_VERSION=1.22.22
1.71M RUN curl -fsSLO "https://yarnpkg.com/downloads/$YARN_VERSION/yarn-v$YARN_VERSION.tar.gz" && yarn --version
446   COPY docker-entrypoint.sh /usr/local/bin/
      ENTRYPOINT ["docker-entrypoint.sh"]
      CMD ["node"]
"""

NODE_DEBIAN = f"""
3320  RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
{_NODE}
"""

NODE_ALPINE = f"""
1270  RUN addgroup -g 1000 node && adduser -u 1000 -G node -s /bin/sh -D node && apk add --no-cache libstdc++
{_NODE}
"""

_POSTGRES_END = """
      ENV PGDATA={pgdata}
184   RUN install --verbose --directory --owner postgres --group postgres --mode 1777 "$PGDATA"
      VOLUME {volume}
5730  COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/
      ENTRYPOINT ["docker-entrypoint.sh"]
      STOPSIGNAL SIGINT
      EXPOSE 5432/tcp
      CMD ["postgres"]
"""

POSTGRES_DEBIAN = f"""
1180  RUN groupadd -r postgres --gid=999; useradd -r -g postgres --uid=999 --home-dir=/var/lib/postgresql postgres
4.53M RUN apt-get update; apt-get install -y --no-install-recommends gnupg less
      ENV GOSU_VERSION=1.17
1.25M RUN wget -O /usr/local/bin/gosu "https://github.com/tianon/gosu/releases/download/$GOSU_VERSION/gosu-$ARCH"
8.07M RUN apt-get install -y --no-install-recommends locales; localedef -i en_US -f UTF-8 en_US.UTF-8
      ENV LANG=en_US.utf8
1.20M RUN apt-get install -y --no-install-recommends libnss-wrapper xz-utils zstd
116   RUN mkdir /docker-entrypoint-initdb.d
      ENV PG_MAJOR={{major}}
      ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/{{major}}/bin
      ENV PG_VERSION={{version}}-1.pgdg+1
{{size}} RUN apt-get install -y --no-install-recommends "postgresql-$PG_MAJOR=$PG_VERSION"
9550  RUN sed -ri "s!^#?(listen_addresses)\\s*=\\s*\\S+.*!\\1 = '*'!" /usr/share/postgresql/postgresql.conf.sample
128   RUN install --verbose --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql
{_POSTGRES_END}
"""

POSTGRES_ALPINE = f"""
1130  RUN addgroup -g 70 -S postgres; adduser -u 70 -S -D -G postgres -H -h /var/lib/postgresql -s /bin/sh postgres
      ENV GOSU_VERSION=1.17
876k  RUN wget -O /usr/local/bin/gosu "https://github.com/tianon/gosu/releases/download/$GOSU_VERSION/gosu-$ARCH"
      ENV LANG=en_US.utf8
116   RUN mkdir /docker-entrypoint-initdb.d
      ENV PG_MAJOR={{major}}
      ENV PG_VERSION={{version}}
      ENV PG_SHA256={{sha256}}
{{size}} RUN ./configure --enable-option-checking=fatal --with-icu --with-llvm --with-openssl; make world; make install
9550  RUN sed -ri "s!^#?(listen_addresses)\\s*=\\s*\\S+.*!\\1 = '*'!" /usr/local/share/postgresql/postgresql.conf.sample
128   RUN install --verbose --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql
{_POSTGRES_END}
"""

_PYTHON = """
      ENV PYTHON_VERSION={version}
      ENV PYTHON_SHA256={sha256}
{size} RUN wget -O python.tar.xz "https://www.python.org/ftp/python/$PYTHON_VERSION/Python-$PYTHON_VERSION.tar.xz"; make
251   RUN for src in idle3 pip3 pydoc3 python3 python3-config; do ln -svT "$src" "/usr/local/bin/${src%3}"; done
      CMD ["python3"]
"""

PYTHON_FULL = f"""
      ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
6.16M RUN apt-get update; apt-get install -y --no-install-recommends libbluetooth-dev tk-dev uuid-dev
{_PYTHON}
"""

PYTHON_SLIM = f"""
      ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
1.29M RUN apt-get update; apt-get install -y --no-install-recommends ca-certificates netbase tzdata
{_PYTHON}
"""

PYTHON_ALPINE = f"""
      ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
455k  RUN apk add --no-cache ca-certificates tzdata
{_PYTHON}
"""

# docker-registry, written in Python.
REGISTRY_0 = """
74.1M RUN apt-get update && apt-get install -y git-core build-essential python-dev libevent-dev python-pip liblzma-dev
4.2M  COPY . /docker-registry-{version}
12.9M RUN pip install /docker-registry-{version}/depends/docker-registry-core
1.1M  RUN pip install file:///docker-registry-{version}#egg=docker-registry[bugsnag,newrelic,cors]
      ENV DOCKER_REGISTRY_CONFIG=/docker-registry/config/config_sample.yml
      ENV SETTINGS_FLAVOR=dev
      EXPOSE 5000/tcp
      CMD ["docker-registry"]
"""

REGISTRY_DEBIAN = """
9.6M  RUN apt-get update && apt-get install -y ca-certificates librados2 apache2-utils && rm -rf /var/lib/apt/lists/*
9.4M  COPY ./registry/registry-{version} /bin/registry
340   COPY ./registry/config-example.yml /etc/docker/registry/config.yml
      VOLUME ["/var/lib/registry"]
      EXPOSE 5000/tcp
      ENTRYPOINT ["/bin/registry"]
      CMD ["/etc/docker/registry/config.yml"]
"""

REGISTRY_ALPINE = """
300k   RUN apk add --no-cache ca-certificates
{size} COPY ./registry/registry-{version} /bin/registry
375    COPY ./config-example.yml /etc/distribution/config.yml
       VOLUME ["/var/lib/registry"]
       EXPOSE 5000/tcp
155    COPY docker-entrypoint.sh /entrypoint.sh
       ENTRYPOINT ["/entrypoint.sh"]
       CMD ["/etc/distribution/config.yml"]
"""

TEAM_API = """
      LABEL org.opencontainers.image.title=api
      ENV PYTHONUNBUFFERED=1
      WORKDIR /app
1090  RUN useradd --create-home --uid 10001 app
{size} RUN pip install --no-cache-dir -r requirements-{requirements}.txt
214k  COPY src-{commit} /app/src
      USER 10001:10001
      EXPOSE 8000/tcp 9090/tcp
      HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 CMD wget -qO- http://localhost:8000/health
      ENTRYPOINT ["python", "-m"]
      CMD ["src.api"]
      LABEL org.opencontainers.image.version={version}
"""

TEAM_WEB = """
      LABEL org.opencontainers.image.title=web
890   COPY nginx.conf /etc/nginx/conf.d/default.conf
{size} COPY dist-{commit} /usr/share/nginx/html
      EXPOSE 8080/tcp
      LABEL org.opencontainers.image.version={version}
"""
