# In one step: the pods that go finish their requests, the two that stay answer the new ones.
kubectl scale deployment web --replicas=2
