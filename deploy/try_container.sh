#!/usr/bin/env bash
# Builds the image with buildah, starts it unchanged, and checks that it works:
#   deploy/try_container.sh [PORT]     (or: deno task container)
# Needs buildah, curl, openssl, and root (or a user namespace: buildah unshare deploy/try_container.sh).
# PORT (8080) is the port on this machine when the container uses the network of the host. That of HTTPS is 363 above it.
# Missing base images of the Dockerfile are pulled. Without a registry, prepare images of the same names in the storage
# of STORAGE_DRIVER beforehand. The tool named by BUILD_IMAGE may do that. It
# gets the folder of the project and a tag, and prints the name of a container on its last line.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
port=${1:-8080}
tag=epollet:try
tool=${BUILD_IMAGE:-$project/../shared/tools/build-image}
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=chroot

fail() { echo "try_container: $*" >&2; exit 1; }
step() { echo "ok: $*"; }
for command in buildah curl openssl; do command -v $command >/dev/null || fail "$command is missing: install it"; done
[ "$(id -u)" -eq 0 ] || fail "buildah has no right to build here: be root, or start this by buildah unshare"

# Prints the images that FROM names, without the stages of the Dockerfile itself.
bases() {
  awk 'toupper($1) == "FROM" { if (!($2 in stage)) print $2; if (toupper($3) == "AS") stage[$4] = 1 }' "$project/Dockerfile"
}
missing=()
for base in $(bases); do
  buildah inspect --type image "$base" >/dev/null 2>&1 || buildah pull -q "$base" >/dev/null 2>&1 || missing+=("$base")
done
if [ ${#missing[@]} -gt 0 ]; then
  [ -x "$tool" ] || fail "no way to ${missing[*]}: pull them, or prepare images of these names (see $0)"
  container=$("$tool" "$project" "$tag" | tail -1)
else
  # The format of Docker, because the OCI format has no HEALTHCHECK.
  buildah bud --pull-never --format docker --network host -t "$tag" "$project" >&2
  container=$(buildah from --pull-never "$tag")
fi
log=$(mktemp)
certs=$(mktemp -d)
runner=
# Prints the id of the program: the last process of the chain that buildah started.
program() {
  local pid=$runner child
  while child=$(cat "/proc/$pid"/task/*/children 2>/dev/null | awk '{ print $1; exit }') && [ -n "$child" ]; do pid=$child; done
  echo "$pid"
}
end() {
  if [ -n "$runner" ]; then kill -KILL "$(program)" 2>/dev/null || true; fi
  buildah rm "$container" >/dev/null 2>&1 || true
  rm -rf "$log" "$certs"
}
trap end EXIT
step "built, without a change of the Dockerfile"

inspect() { buildah inspect --format "{{$1}}" "$container"; }
user=$(inspect .OCIv1.Config.User)
[[ $user =~ ^[1-9][0-9]*(:[0-9]+)?$ ]] || fail "the user is \"$user\", which is no number, or root's"
ports=$(inspect .OCIv1.Config.ExposedPorts)
[[ $ports == *8080/tcp* && $ports == *8443/tcp* ]] || fail "it does not say that it listens on 8080 and 8443: $ports"
[ "$(inspect .OCIv1.Config.StopSignal)" = SIGTERM ] || fail "STOPSIGNAL is not SIGTERM"
[ -n "$(inspect 'index .OCIv1.Config.Labels "org.opencontainers.image.version"')" ] || fail "it has no version"
if [ ${#missing[@]} -eq 0 ]; then
  [[ $(inspect .Docker.Config.Healthcheck) == *--healthcheck* ]] || fail "it has no HEALTHCHECK"
fi
entrypoint=$(inspect 'index .OCIv1.Config.Entrypoint 0')
step "user $user, ports 8080 and 8443, SIGTERM, version $(inspect 'index .OCIv1.Config.Labels "org.opencontainers.image.version"')"

admin=127.0.0.1:$((port + 1010))
secure=$((port + 363))
mounts=()
in_container() {
  buildah run --isolation chroot "${mounts[@]}" --env "EPOLLET_PORT=$port" --env "EPOLLET_HTTPS_PORT=$secure" \
    --env "EPOLLET_ADMIN=$admin" "$container" -- "$@"
}
# Starts the program, and waits until it answers.
start() {
  in_container "$entrypoint" -v >"$log" 2>&1 &
  runner=$!
  for ((attempt = 0; attempt < 100; attempt++)); do
    if curl -sf -o /dev/null "http://127.0.0.1:$port/"; then break; fi
    kill -0 "$runner" 2>/dev/null || fail "it ended at once: $(cat "$log")"
    sleep 0.1
  done
  grep -q "^http服务器使用的port:$port\$" "$log" || fail "another program answers on port $port: $(cat "$log")"
}
# Ends it by SIGTERM, and returns its status.
stop() {
  local status=0
  kill -TERM "$(program)"
  wait "$runner" || status=$?
  runner=
  return "$status"
}
start
head=$(curl -s --compressed -D - -o /dev/null "http://127.0.0.1:$port/")
[[ $head == "HTTP/1.1 200"* && $head == *ETag:* ]] || fail "it does not serve its page: $head"
[ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Range: bytes=0-9' "http://127.0.0.1:$port/")" = 206 ] || fail "no ranges"
[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/missing")" = 404 ] || fail "no 404"
step "it serves /site on port $port"

pid=$(program)
field() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/status"; }
[ "$(field Uid)" = "${user%%:*}" ] || fail "it runs as user $(field Uid)"
[ "$(field NoNewPrivs)" = 1 ] || fail "it may get more rights"
[ "$(field CapEff)" = 0000000000000000 ] || fail "it has capabilities: $(field CapEff)"
step "user $(field Uid), no capabilities, none to be had, $(($(field VmRSS) / 1024)) MiB"

in_container "$entrypoint" --healthcheck || fail "--healthcheck says that it is not well"
step "--healthcheck says that it is well"

if curl -sk -o /dev/null "https://127.0.0.1:$secure/"; then fail "port $secure is open, though there is no certificate"; fi
stop || fail "SIGTERM ended it with status $?: $(cat "$log")"
step "SIGTERM ended it with status 0"
if in_container "$entrypoint" --healthcheck >/dev/null 2>&1; then fail "--healthcheck says that it is well, though it ended"; fi
step "--healthcheck says that it is not there any more"

# Makes a certificate, as a secret of Kubernetes is mounted: the link ..data changes, and only the user can read the key.
issue() {
  mkdir "$certs/..$1"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=localhost" \
    -addext subjectAltName=DNS:localhost -keyout "$certs/..$1/tls.key" -out "$certs/..$1/tls.crt" 2>/dev/null
  chmod 400 "$certs/..$1/tls.key"
  chown "${user%%:*}" "$certs/..$1/tls.key"
  ln -s "..$1" "$certs/..new"
  mv -T "$certs/..new" "$certs/..data"
}
asks() { curl -sf -o /dev/null --cacert "$certs/tls.crt" "https://localhost:$secure/"; }
chmod 755 "$certs"
ln -s ..data/tls.crt ..data/tls.key "$certs"
issue 1
mounts=(--volume "$certs:/certs:ro")
start
asks || fail "with a certificate in /certs, it does not serve HTTPS on port $secure: $(cat "$log")"
step "with a certificate in /certs, it serves HTTPS on port $secure, too"
issue 2
for ((attempt = 0; attempt < 50; attempt++)); do
  if asks; then break; fi
  sleep 0.1
done
asks || fail "a new certificate in /certs is not served: $(cat "$log")"
step "a new certificate is served without a signal"
stop || fail "SIGTERM ended it with status $?: $(cat "$log")"
