# why: no-container
docker run -d podlab/web:v1
