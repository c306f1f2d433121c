# why: port-nobody
docker rm -f web
docker run -d --name web -p 8080:80 podlab/web:v1
