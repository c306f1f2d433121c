# why: requests-failed
# Until worker-2 does not answer any more.
while curl -s -m 1 worker-2:8080 >/dev/null; do sleep 0.1; done
docker -c worker-3 run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v1
