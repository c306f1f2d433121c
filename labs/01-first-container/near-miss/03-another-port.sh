# why: other-port
docker rm -f web
docker run -d --name web -p 8000:8080 podlab/web:v1
