# why: no-container
# Until worker-2 has been silent twice: once may be chance.
while curl -s -m 2 worker-2:8080 >/dev/null || curl -s -m 2 worker-2:8080 >/dev/null; do :; done
echo worker-1:8080 >callers.txt
