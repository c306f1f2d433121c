# why: not-published
curl -s worker-1:8080/crash
docker wait web
until kubectl get host worker-1 -o jsonpath='{.status.containers[?(@.name=="web")].state}' | grep -q exited; do
    docker ps -q >/dev/null
done
docker rm web
docker run -d --name web podlab/web:v1
