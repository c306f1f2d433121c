# why: container-exited
curl -s worker-1:8080/crash
docker wait web
