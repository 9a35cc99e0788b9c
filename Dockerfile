# epollet as an image:
#   docker build -t epollet .
#   docker run -p 8080:8080 -v ./public:/site:ro epollet
#   docker run -p 8443:8443 -v ./public:/site:ro -v ./certs:/certs:ro epollet     HTTPS, with certs/tls.crt and certs/tls.key
# Arguments after the image name are flags (docker run … epollet --browse); variables named EPOLLET_… are settings, too.
# An image with your own site takes two lines: FROM epollet, and COPY public /site.

FROM denoland/deno:debian-2.9.6 AS build
WORKDIR /src
# The packages rarely change, so they have a layer of their own. deno.lock has the SHA-512 of each and deno install checks
# it. So the download need not be trusted, and works behind a proxy with its own certificate authority, too.
COPY deno.json deno.lock ./
RUN deno install --frozen || \
    deno install --frozen --unsafely-ignore-certificate-errors
COPY . .
RUN deno task compile --output /out/epollet && mkdir /out/certs /out/acme

# An image with a C library and OpenSSL 3, and without a shell.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="epollet" \
      org.opencontainers.image.description="A static web server on Deno and epoll" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.url="https://jsr.io/@epollet/epollet" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /out/epollet /usr/local/bin/epollet
COPY html /site
# Certificates are mounted here. If the directory is empty, only HTTP is served.
COPY --from=build /out/certs /certs
COPY --from=build --chown=65532:65532 /out/acme /acme
# An epollet.json that is mounted here is read; there need not be one. Because EPOLLET_CONFIG names the directory, all of
# its keys are allowed.
WORKDIR /etc/epollet
USER 65532:65532
ENV EPOLLET_CONFIG=./ EPOLLET_PORT=8080 EPOLLET_ROOT=/site EPOLLET_ADMIN=127.0.0.1:9090 \
    EPOLLET_TLS_CERT=/certs/ EPOLLET_HTTPS_PORT=8443 EPOLLET_ACME_DIR=/acme
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/local/bin/epollet", "--healthcheck"]
ENTRYPOINT ["/usr/local/bin/epollet"]
