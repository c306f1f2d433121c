# Until worker-2 does not answer any more.
while curl -s -m 1 worker-2:8080 >/dev/null; do sleep 0.1; done
# First the callers, who suffer now; then the copy; then the callers once more.
echo worker-1:8080 >callers.txt
docker -c worker-3 run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v1
printf 'worker-1:8080\nworker-3:8080\n' >callers.txt
