# why: requests-failed
# Until worker-2 has been silent twice: once may be chance.
while curl -s -m 2 worker-2:8080 >/dev/null || curl -s -m 2 worker-2:8080 >/dev/null; do :; done
docker -c worker-3 run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v1
