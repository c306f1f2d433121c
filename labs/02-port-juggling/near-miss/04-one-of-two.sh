# why: wrong-answer
docker rm -f shop
docker run -d --name shop -p 8080:8080 -e NAME=shop podlab/web:v2
