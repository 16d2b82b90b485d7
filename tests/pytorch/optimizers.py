"""Prints the steps of PyTorch's optimisers that the test in codegen/src/optimizers.rs expects."""
import torch
def run(make):
    p=torch.nn.Parameter(torch.tensor([1.5],dtype=torch.float64)); o=make([p]); out=[]
    for g in (0.5,-0.25,1.0):
        p.grad=torch.tensor([g],dtype=torch.float64); o.step(); out.append(p.item())
    return out
print("Adadelta",run(lambda p: torch.optim.Adadelta(p,lr=1.0,rho=0.9,eps=1e-6,weight_decay=0.01)))
print("Sgd",run(lambda p: torch.optim.SGD(p,lr=0.05,momentum=0.9,nesterov=True,weight_decay=0.01)))
print("Adam",run(lambda p: torch.optim.Adam(p,lr=1e-3,betas=(0.9,0.999),eps=1e-8,weight_decay=0.01)))
print(torch.__version__)
