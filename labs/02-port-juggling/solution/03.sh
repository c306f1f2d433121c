# 8080 of worker-2 belongs to news.
docker -c worker-2 run -d --name shop2 -p 8081:8080 -e NAME=shop podlab/web:v1
