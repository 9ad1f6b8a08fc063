#!/bin/sh
# Makes a CA, and the certificate of the server, where there are none or the latter is about to expire.
# Usage: certificates.sh CA_FOLDER PUBLIC_FOLDER SERVER_FOLDER, with the server's names in SERVER_NAMES.
set -eu
ca=$1 public=$2 server=$3
ca_days=3650
server_days=365
renewed_seconds=2592000 # 30 days before it expires

curve() {
    openssl req "$@" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes
}

if [ ! -s "$ca/ca.key" ]; then
    umask 077
    curve -x509 -days "$ca_days" -subj /CN=cloudassist-ca -keyout "$ca/ca.key" -out "$ca/ca.pem"
fi
umask 022
cp "$ca/ca.pem" "$public/ca.pem"
chmod 644 "$public/ca.pem"
if openssl x509 -in "$server/server.pem" -noout -checkend "$renewed_seconds" 2>/dev/null; then
    exit 0
fi
printf 'subjectAltName=%s\n' "$SERVER_NAMES" >"$ca/server.ext"
curve -subj /CN=server -keyout "$server/server.key" -out "$ca/server.csr"
openssl x509 -req -in "$ca/server.csr" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial \
    -days "$server_days" -extfile "$ca/server.ext" -out "$server/server.pem"
# The server runs as a user of its own image; nobody else mounts this folder.
chmod 644 "$server/server.key"
