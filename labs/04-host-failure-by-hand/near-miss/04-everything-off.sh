# why: requests-failed
while curl -s -m 2 worker-3:8080 >/dev/null || curl -s -m 2 worker-3:8080 >/dev/null; do :; done
printf "worker-2:8080\nworker-3:8080\n" >callers.txt
