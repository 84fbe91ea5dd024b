"""The founding documents' code samples, as written, with data in place of ``...``."""

import numpy as np
import pytest

import rustorch


def run(source: str, **names) -> dict:
    space = dict(names)
    exec(compile(source, "<document>", "exec"), space)
    return space


def test_000_phase_1(capsys):
    run("""
import rustorch

# テンサー作成
t1 = rustorch.zeros([2, 3])
t2 = rustorch.ones([2, 3])
t3 = rustorch.tensor([[1.0, 2.0], [3.0, 4.0]])

# 基本情報
print(t1.shape)  # [2, 3]
print(t1.numel()) # 6

# 基本演算
result = t1 + t2
result = t1 * 2.0
assert t1.shape == [2, 3] and result.tolist() == [[0.0] * 3] * 2
""")
    assert capsys.readouterr().out == "torch.Size([2, 3])\n6\n"


def test_000_phase_2():
    out = run("""
import rustorch
linear = rustorch.Linear(10, 5)
x = rustorch.randn([32, 10])
y = linear(x)  # [32, 5]
""")
    assert out["y"].shape == (32, 5)


def test_000_phase_3():
    model = rustorch.nn.Linear(3, 1)
    before = model.weight.detach().clone()
    run(
        """
import rustorch
optimizer = rustorch.SGD(model.parameters(), lr=0.01)
loss = criterion(output, target)
loss.backward()
optimizer.step()
optimizer.zero_grad()
""",
        model=model,
        criterion=rustorch.MSELoss(),
        output=model(rustorch.ones(4, 3)),
        target=rustorch.ones(4, 1) * 5,
    )
    assert not rustorch.equal(before, model.weight.detach()) and model.weight.grad is None


def test_000_phase_4():
    out = run("""
import rustorch
conv = rustorch.Conv2d(3, 16, kernel_size=3)
pool = rustorch.MaxPool2d(2)
bn = rustorch.BatchNorm2d(16)
dropout = rustorch.Dropout(0.5)
flatten = rustorch.Flatten()
criterion = rustorch.CrossEntropyLoss()
y = flatten(dropout(bn(pool(conv(rustorch.randn(2, 3, 8, 8))))))
loss = criterion(y, rustorch.tensor([0, 1]))
""")
    assert out["y"].shape == (2, 144) and out["loss"].item() > 0


def test_000_phase_5():
    model = rustorch.nn.Linear(2, 1)
    tensor = rustorch.tensor([1.0, 2.0])
    run(
        """
import rustorch

# 高度なAutograd操作
with rustorch.no_grad():
    # 勾配計算無効化
    y = model(x)
assert not y.requires_grad

# 計算グラフ操作
x = rustorch.Variable(tensor, requires_grad=True)
x.retain_grad()  # 中間変数の勾配保持
y = x.detach()   # 計算グラフから切り離し

# 高次微分
outputs, inputs = (x ** 3).sum(), x
grad_outputs = rustorch.grad(outputs, inputs, create_graph=True)
hessian = rustorch.grad(grad_outputs[0].sum(), inputs)
assert hessian[0].tolist() == [6.0, 12.0]

# 関数型API
def custom_loss(pred, target):
    return rustorch.functional.mse_loss(pred, target)
assert custom_loss(x.detach(), y).item() == 0.0

# フック機能
x.register_hook(lambda grad: grad * 2)
x.sum().backward()
assert x.grad.tolist() == [2.0, 2.0]
""",
        model=model,
        tensor=tensor,
        x=rustorch.ones(2),
    )


def test_001_basic_tensor_operations():
    run("""
# Python API Design
import rustorch as rt

# Tensor creation
tensor = rt.tensor([[1.0, 2.0], [3.0, 4.0]])
zeros = rt.zeros((3, 3))
randn = rt.randn((2, 2))

# Operations
result = tensor + 2.0
matmul = tensor @ tensor.T
sum_result = tensor.sum()

# NumPy interop
numpy_array = tensor.numpy()
from_numpy = rt.from_numpy(numpy_array)
assert matmul.tolist() == [[5.0, 11.0], [11.0, 25.0]] and sum_result.item() == 10.0
""")


def test_001_module_system():
    out = run(
        """
# PyTorch-like API
import rustorch.nn as nn

class SimpleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(128, 10)
    
    def forward(self, x):
        x = self.fc1(x)
        x = self.relu(x)
        x = self.fc2(x)
        return x

model = SimpleNet()
output = model(input_tensor)
""",
        input_tensor=rustorch.randn(4, 784),
    )
    assert out["output"].shape == (4, 10)


def test_001_autograd(capsys):
    run("""
import rustorch as rt
import rustorch.autograd as autograd

# Gradient computation
x = rt.tensor([2.0], requires_grad=True)
y = x ** 2
y.backward()
print(x.grad)  # tensor([4.0])

# Custom autograd functions
class SquareFunction(autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input ** 2
    
    @staticmethod
    def backward(ctx, grad_output):
        input, = ctx.saved_tensors
        return 2 * input * grad_output

z = rt.tensor(3.0, requires_grad=True)
(g,) = rt.grad(SquareFunction.apply(z), z, create_graph=True)
assert g.item() == 6.0 and rt.grad(g, z)[0].item() == 2.0
""")
    assert capsys.readouterr().out == "tensor([4.])\n"


def test_001_numpy_integration():
    run("""
import numpy as np
import rustorch as rt

# Seamless NumPy integration
np_array = np.array([[1, 2], [3, 4]], dtype=np.float32)
rt_tensor = rt.from_numpy(np_array)  # Zero-copy if possible

# Operations maintain compatibility
result = rt_tensor * 2.0
back_to_numpy = result.numpy()  # Zero-copy if possible

# Broadcasting compatibility
np_broadcast = np_array + rt_tensor.numpy()
rt_broadcast = rt.from_numpy(np_array) + rt_tensor
assert np.array_equal(np_broadcast, rt_broadcast.numpy()) and np.array_equal(back_to_numpy, np_array * 2)
""")


def test_001_error_handling(capsys):
    run(
        """
# Unified error handling
import rustorch.errors as errors

try:
    result = tensor.matmul(incompatible_tensor)
except errors.ShapeMismatchError as e:
    print(f"Shape error: {e}")
    print(f"Got shapes: {e.shape1} and {e.shape2}")
except errors.RustorchError as e:
    print(f"RusTorch error: {e}")
""",
        tensor=rustorch.ones(2, 3),
        incompatible_tensor=rustorch.ones(4, 5),
    )
    out = capsys.readouterr().out
    assert "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)" in out and "Got shapes:" in out


def test_002_phase_3(capsys):
    out = run("""
# 目標: 完全なニューラルネットワークトレーニング
import rustorch

# データとラベル
X = rustorch.Variable(rustorch.tensor([[1.0, 2.0], [3.0, 4.0]]), requires_grad=False)
y = rustorch.Variable(rustorch.tensor([[1.0], [0.0]]), requires_grad=False)

# モデル構築
linear1 = rustorch.Linear(2, 4, True)
relu = rustorch.ReLU()
linear2 = rustorch.Linear(4, 1, True)
sigmoid = rustorch.Sigmoid()

# 順伝播
h1 = linear1(X)
h1_relu = relu(h1)
h2 = linear2(h1_relu)
output = sigmoid(h2)

# Loss計算
criterion = rustorch.MSELoss()
loss = criterion(output, y)

# オプティマイザー
optimizer = rustorch.SGD([linear1.weight, linear1.bias, linear2.weight, linear2.bias], lr=0.01)

# トレーニングループ
for epoch in range(100):
    optimizer.zero_grad()

    # Forward pass
    h1 = linear1(X)
    h1_relu = relu(h1)
    h2 = linear2(h1_relu)
    output = sigmoid(h2)

    # Loss計算
    loss = criterion(output, y)

    # Backward pass
    loss.backward()

    # パラメータ更新
    optimizer.step()

    if epoch % 10 == 0:
        print(f"Epoch {epoch}: Loss = {loss.data}")
assert optimizer.lr == 0.01
optimizer.set_lr(0.5)
assert optimizer.lr == optimizer.learning_rate == 0.5
""")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and lines[0].startswith("Epoch 0: Loss = ")
    assert out["loss"].item() < 1.0


def test_002_integration(capsys):
    run("""
import rustorch
# test_phase3.py
def test_complete_training():
    # データ準備
    X = rustorch.Variable(rustorch.tensor([[1.0, 2.0], [3.0, 4.0]]), requires_grad=False)
    y = rustorch.Variable(rustorch.tensor([[1.0], [0.0]]), requires_grad=False)

    # モデル
    linear = rustorch.Linear(2, 1, True)
    sigmoid = rustorch.Sigmoid()

    # Loss function
    criterion = rustorch.MSELoss()

    # Optimizer
    optimizer = rustorch.SGD([linear.weight, linear.bias], lr=0.01)

    # トレーニングループ
    for epoch in range(10):
        optimizer.zero_grad()

        output = sigmoid(linear(X))
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()

        print(f"Epoch {epoch}: Loss = {loss.data}")

test_complete_training()
""")
    assert len(capsys.readouterr().out.splitlines()) == 10


PHASE_4 = """
# 目標: 実用的なディープラーニングシステム
import rustorch

# データとラベル（MNIST風）
X = rustorch.Variable(rustorch.tensor(batch_data), requires_grad=False)  # [batch, 1, 28, 28]
y = rustorch.Variable(rustorch.tensor(batch_labels), requires_grad=False)  # [batch, 10]

# CNN モデル構築
conv1 = rustorch.Conv2d(1, 32, kernel_size=3, padding=1)
bn1 = rustorch.BatchNorm2d(32)
relu1 = rustorch.ReLU()
pool1 = rustorch.MaxPool2d(kernel_size=2)
dropout1 = rustorch.Dropout(0.25)

conv2 = rustorch.Conv2d(32, 64, kernel_size=3, padding=1)
bn2 = rustorch.BatchNorm2d(64)
relu2 = rustorch.ReLU()
pool2 = rustorch.MaxPool2d(kernel_size=2)
dropout2 = rustorch.Dropout(0.25)

# 全結合層
flatten = rustorch.Flatten()
linear1 = rustorch.Linear(64 * 7 * 7, 128)
bn3 = rustorch.BatchNorm1d(128)
relu3 = rustorch.ReLU()
dropout3 = rustorch.Dropout(0.5)
linear2 = rustorch.Linear(128, 10)

# 順伝播パイプライン
def forward(x):
    x = pool1(relu1(bn1(conv1(x))))
    x = dropout1(x)
    x = pool2(relu2(bn2(conv2(x))))
    x = dropout2(x)
    x = flatten(x)
    x = dropout3(relu3(bn3(linear1(x))))
    x = linear2(x)
    return x
model = rustorch.Sequential(conv1, bn1, conv2, bn2, linear1, bn3, linear2)

# 損失関数とオプティマイザー
criterion = rustorch.CrossEntropyLoss()
optimizer = rustorch.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.999))

# 高度なトレーニングループ
losses = []
for epoch in range(epochs):
    model.train()  # Training mode

    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        output = forward(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
    losses.append(loss.item())

    model.eval()  # Evaluation mode
    # バリデーション...

    # モデル保存
    if epoch % 10 == 0:
        rustorch.save(model.state_dict(), f'model_epoch_{epoch}.pth')
"""


def test_003_phase_4(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    data, labels = rng.normal(size=(8, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, 8)
    loader = [(rustorch.tensor(data), rustorch.tensor(labels))]
    out = run(PHASE_4, batch_data=data.tolist(), batch_labels=labels.tolist(), train_loader=loader, epochs=12)
    assert out["losses"][-1] < out["losses"][0]
    saved = rustorch.load("model_epoch_10.pth")
    assert set(saved) == set(out["model"].state_dict())
    with pytest.raises(RuntimeError, match="size mismatch"):
        rustorch.Linear(3, 3).load_state_dict({"weight": rustorch.ones(2, 2), "bias": rustorch.ones(3)})


def test_001_section_4_1(capsys):
    rustorch.manual_seed(0)
    model = rustorch.nn.Linear(3, 1)
    run(
        """
# Progress bars for training
from tqdm import tqdm
import rustorch.utils as utils

for epoch in tqdm(range(100)):
    loss = utils.train_step(model, batch)
    if epoch % 10 == 0:
        print(f"Epoch {epoch}, Loss: {loss.item():.4f}")
""",
        model=model,
        batch=(rustorch.ones(4, 3), rustorch.full((4, 1), 5.0)),
    )
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 10 and losses == sorted(losses, reverse=True)
    labels = rustorch.tensor([0, 1, 1, 0])
    model.optimizer, model.criterion = (
        rustorch.optim.SGD(model.parameters(), lr=0.0),
        lambda out, y: out.sum() * 0 + y.sum(),
    )
    assert rustorch.utils.train_step(model, {"input": rustorch.ones(4, 3), "target": labels}).item() == 2
    with pytest.raises(ValueError, match="a batch for train_step is"):
        rustorch.utils.train_step(model, (labels,))
