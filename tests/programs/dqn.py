"""Q-learning on a corridor: a replay buffer, a target network, gather. Plain PyTorch."""

import collections
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

random.seed(0)
rng = np.random.RandomState(5)
N = 6
Transition = collections.namedtuple("Transition", "state action reward after done")


def one_hot(i):
    s = np.zeros(N, np.float32)
    s[i] = 1
    return s


class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(N, 16), nn.Linear(16, 2)
        for p in self.parameters():
            nn.init.constant_(p, 0.0)
            p.data += torch.as_tensor(rng.uniform(-0.4, 0.4, p.shape), dtype=torch.float32)

    def forward(self, s):
        return self.fc2(torch.relu(self.fc1(s)))


policy, target = Q(), Q()
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
memory = collections.deque(maxlen=200)
state, losses = 0, []
for step in range(150):
    with torch.no_grad():
        greedy = policy(torch.from_numpy(one_hot(state)).unsqueeze(0)).max(1)[1].item()
    action = random.randrange(2) if step < 60 else greedy
    after = min(max(state + (1 if action else -1), 0), N - 1)
    done = after == N - 1
    memory.append(Transition(one_hot(state), action, float(done), one_hot(after), done))
    state = 0 if done else after
    if len(memory) < 16:
        continue
    batch = Transition(*zip(*random.sample(list(memory), 16)))
    s, n = torch.tensor(np.array(batch.state)), torch.tensor(np.array(batch.after))
    a, r = torch.tensor(batch.action).view(-1, 1), torch.tensor(batch.reward)
    alive = ~torch.tensor(batch.done)
    q = policy(s).gather(1, a).squeeze(1)
    future = torch.zeros(16)
    future[alive] = target(n[alive]).max(1).values.detach()
    loss = F.smooth_l1_loss(q, r + 0.9 * future)
    optimizer.zero_grad()
    loss.backward()
    for p in policy.parameters():
        p.grad.data.clamp_(-1, 1)
    optimizer.step()
    losses.append(loss.item())
    if step % 20 == 0:
        for tp, pp in zip(target.parameters(), policy.parameters()):
            tp.data.copy_(0.5 * tp.data + 0.5 * pp.data)
print(len(losses), f"{np.mean(losses[:20]):.3f} {np.mean(losses[-20:]):.3f}")
with torch.no_grad():
    print(policy(torch.eye(N)).argmax(1).tolist())
