# why: container-exited
docker run -d --name web podlab/web:v1
docker stop web
