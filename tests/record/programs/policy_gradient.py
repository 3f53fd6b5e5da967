"""REINFORCE with a baseline and an entropy bonus; actions are drawn."""

import torch
from torch import nn
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.actor = nn.Linear(8, 3)
        self.critic = nn.Linear(8, 1)

    def forward(self, state):
        h = torch.relu(self.body(state))
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


torch.manual_seed(0)
policy = Policy()
optimizer = torch.optim.RMSprop(policy.parameters())
states, returns = torch.randn(6, 4), torch.randn(6)
distribution, value = policy(states)
action = distribution.sample()
advantage = returns - value.detach()
policy_loss = -(distribution.log_prob(action) * advantage).mean()
value_loss = (returns - value).pow(2).mean()
loss = policy_loss + 0.5 * value_loss - 0.01 * distribution.entropy().mean()
loss.backward()
optimizer.step()
