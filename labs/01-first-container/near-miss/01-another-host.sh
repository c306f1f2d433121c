# why: container-elsewhere
docker -c worker-2 run -d --name web podlab/web:v1
