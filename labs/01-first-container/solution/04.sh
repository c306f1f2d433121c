# It ends without an answer; that is what was asked for.
curl -s worker-1:8080/crash || true
docker wait web
# The lab looks at hosts a few times a second; give it one look.
until kubectl get host worker-1 -o jsonpath='{.status.containers[?(@.name=="web")].state}' | grep -q exited; do
    docker ps -q >/dev/null
done
# The same container once more.
docker start web
