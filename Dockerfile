# epollet as an image:
#   docker build -t epollet .
#   docker run -p 8080:8080 -v ./public:/site:ro epollet
# What is said behind its name are flags (docker run … epollet --browse); variables named EPOLLET_… count, too. A site
# of one's own makes an image with two lines: FROM epollet, and COPY public /site.

FROM denoland/deno:debian-2.9.6 AS build
WORKDIR /src
# The packages change rarely, and stay in a layer of their own. deno.lock has the SHA-512 of each, and others are not
# let in: who delivers them does not matter, so that this also works behind a proxy with a certificate of its own.
COPY deno.json deno.lock ./
RUN deno install --frozen || \
    deno install --frozen --unsafely-ignore-certificate-errors
COPY . .
RUN deno task compile --output /out/epollet

# A C library, and no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="epollet" \
      org.opencontainers.image.description="A static web server on Deno and epoll" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.url="https://jsr.io/@epollet/epollet" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /out/epollet /usr/local/bin/epollet
COPY html /site
# An epollet.json that is mounted here is read. Its directory is named by EPOLLET_CONFIG, so that all of it counts; where
# there is none, nothing is read.
WORKDIR /etc/epollet
USER 65532:65532
ENV EPOLLET_CONFIG=./ EPOLLET_PORT=8080 EPOLLET_ROOT=/site EPOLLET_ADMIN=127.0.0.1:9090
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/local/bin/epollet", "--healthcheck"]
ENTRYPOINT ["/usr/local/bin/epollet"]
