# why: same-pod
curl -s worker-1:30080/crash || true
