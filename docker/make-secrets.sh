#!/bin/sh
# Makes what is not there yet in a folder: the database's password, its URL for neuronas (uid
# 10001), the gateway's token. As root; usage: make-secrets.sh FOLDER
set -eu
umask 077
cd "$1"

random() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# make NAME OWNER CONTENT: whole or not at all, read by its owner alone.
make() {
  printf '%s\n' "$3" > "$1.new"
  chown "$2" "$1.new"
  chmod 400 "$1.new"
  mv "$1.new" "$1"
}

chmod 711 .
[ -e password ] || make password 999:999 "$(random)" # uid of the postgres image's server
[ -e storage ] || make storage 10001:10001 "postgresql://neuronas:$(cat password)@database/neuronas"
[ -e token ] || make token 10001:10001 "$(random)"
