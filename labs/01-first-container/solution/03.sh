# A port is published when a container is made, so it is made anew.
docker rm -f web
docker run -d --name web -p 8080:8080 podlab/web:v1
