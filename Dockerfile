# epollet in a container: docker build -t epollet . && docker run -p 8080:8080 -v ./public:/site:ro epollet

FROM denoland/deno:debian-2.9.6 AS build
WORKDIR /src
# What changes rarely comes first: the packages stay in a layer of their own.
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY . .
RUN deno task compile --output /epollet && mkdir /site && cp -R html/. /site

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="epollet" \
      org.opencontainers.image.description="A static web server on Deno and epoll" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /epollet /usr/local/bin/epollet
COPY --from=build /site /site
WORKDIR /
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/epollet", "--port", "8080", "--root", "/site"]
