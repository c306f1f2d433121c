# why: requests-failed
while curl -s -m 1 worker-3:8080 >/dev/null; do sleep 0.1; done
printf "worker-2:8080\nworker-3:8080\n" >callers.txt
