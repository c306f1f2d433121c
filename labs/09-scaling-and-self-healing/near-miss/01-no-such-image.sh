# why: image
sed 's|podlab/web:v1|podlab/web:v9|' web.yaml | kubectl apply -f -
