#!/bin/sh
# Runs one worker, and ends with 75 where it was drained: Kubernetes takes 0 of a pod that it
# evicts for the end of this worker's part, and would start no other one in its place.
set -u
worker=
drained=
drain() {
  drained=yes
  [ -z "$worker" ] || kill -TERM "$worker"
}
trap drain TERM

neuronas worker "$@" &
worker=$!
[ -z "$drained" ] || drain # it was told before there was a worker to tell
wait "$worker"
code=$?
while kill -0 "$worker" 2>/dev/null; do # a signal ended wait, not the worker
  wait "$worker"
  code=$?
done

# 143: killed by the signal, since it had not begun to listen.
if [ -n "$drained" ] && { [ "$code" -eq 0 ] || [ "$code" -eq 143 ]; }; then
  code=75
fi
exit "$code"
