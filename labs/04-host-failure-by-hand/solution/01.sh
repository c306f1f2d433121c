docker -c worker-1 run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v1
docker -c worker-2 run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v1
# A caller takes these in turn.
printf 'worker-1:8080\nworker-2:8080\n' >callers.txt
