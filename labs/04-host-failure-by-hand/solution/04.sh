# In the background, until the list has changed.
bash watch.sh >/dev/null 2>&1 &
watcher=$!
for _ in $(seq 120); do
    [ "$(cat callers.txt)" = worker-1:8080 ] && ! curl -s -m 1 worker-3:8080 >/dev/null && break
    sleep 0.25
done
kill $watcher
