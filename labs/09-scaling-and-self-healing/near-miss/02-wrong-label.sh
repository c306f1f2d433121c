# why: selector-matches-nothing
sed 's/app: web/app: webb/' service.yaml | kubectl apply -f -
