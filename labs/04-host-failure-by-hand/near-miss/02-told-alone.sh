# why: no-container
# Until worker-2 does not answer any more.
while curl -s -m 1 worker-2:8080 >/dev/null; do sleep 0.1; done
echo worker-1:8080 >callers.txt
