# why: no-restart
curl -s worker-1:30080/healthz
