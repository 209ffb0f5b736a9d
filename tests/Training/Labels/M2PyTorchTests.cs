using System.Globalization;
using System.Runtime.InteropServices;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Applications;
using Vae.Tests.Training.Objectives;
using Vae.Torch;

namespace Vae.Tests.Training.Labels;

/// <summary>M2 beside a second implementation that was written from the paper's equations, in PyTorch's own operations.</summary>
public sealed class M2PyTorchTests : TorchTest, IDisposable
{
    private const int Batch = 6, Classes = 3, TrainRows = 60, Labelled = 20;
    private const double Weight = 30;

    // Equations 6, 7 and 9 of Kingma et al. 2014, class by class.
    private const string Script = """
        import importlib.util, math, struct, sys, torch
        folder, batch, classes, factor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        spec = importlib.util.spec_from_file_location("load_model", f"{folder}/load_model.py")
        loader = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loader)
        model = loader.load(folder).requires_grad_(True)
        def read(name, kind):
            with open(f"{folder}/{name}.bin", "rb") as file:
                return torch.frombuffer(bytearray(file.read()), dtype=kind).reshape(batch, -1)
        x, noise, y = read("x", torch.float32), read("noise", torch.float32), read("y", torch.int64)[:, 0]

        def bound(label):  # -L(x, y) of all rows, with the sign of a loss
            mean, log_variance = model.encode(x, torch.full((batch,), label))
            p = model.decode(mean + torch.exp(log_variance / 2) * noise, torch.full((batch,), label))
            distortion = -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)
            return distortion + math.log(classes) + torch.distributions.kl_divergence(
                torch.distributions.Normal(mean, torch.exp(log_variance / 2)), torch.distributions.Normal(0.0, 1.0)).sum(1)

        L = torch.stack([bound(label) for label in range(classes)], 1)
        q = torch.distributions.Categorical(logits=model.classify(x))
        U = (q.probs * L).sum(1) - q.entropy()
        seen = y >= 0
        loss = torch.where(seen, L.gather(1, y.clamp(min=0)[:, None])[:, 0], U).mean() - factor * q.log_prob(y.clamp(min=0))[seen].sum() / batch
        loss.backward()
        values = [loss.item()]
        for name in sys.argv[5:]:
            values += dict(model.named_parameters())[name].grad.flatten().tolist()
        with open(f"{folder}/gradient.bin", "wb") as file:
            file.write(struct.pack(f"<{len(values)}f", *values))
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vae-m2-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [PyTorchFact]
    public void Loss_and_every_gradient_are_those_of_the_papers_equations_in_pytorch()
    {
        using var scope = torch.NewDisposeScope();
        var training = new TrainingSpec { Labelled = Labelled, ClassifierWeight = Weight };
        using var step = new OneStep(training, Batch, model: new ModelSpec { Family = ModelFamily.M2, Classes = Classes }, trainRows: TrainRows);
        step.Labels = torch.tensor([2L, -1, 0, -1, -1, 1], [1, Batch]);

        var terms = step.Objective.Forward(step.Inputs());
        var (loss, gradients) = (step.Report(terms).Loss, step.Gradients(terms));

        var theirs = Theirs(step, [.. gradients.Keys]);
        Assert.Equal(theirs.Loss, loss, Math.Abs(loss) * 1e-5);
        OneStep.Same(theirs.Gradients, gradients, relative: 1e-3);
        Assert.All(gradients, entry => Assert.Contains(entry.Value, value => value != 0));
    }

    private (double Loss, Dictionary<string, float[]> Gradients) Theirs(OneStep step, string[] names)
    {
        var config = new ModelConfig(step.Trial, null, step.Network.Image, null, null);
        using (var file = File.Create(Path.Combine(_folder, TrainedModel.FileName))) TrainedModel.Write(file, step.Network, 0, config);
        File.WriteAllText(Path.Combine(_folder, PyTorchLoader.FileName), PyTorchLoader.Write(step.Network, step.Trial.Model));
        Save("x", step.X.ToArray<float>());
        Save("noise", step.Noise.ToArray<float>());
        Save("y", step.Labels!.ToArray<long>());
        var factor = Weight * TrainRows / Labelled;
        var (code, said) = PyTorchFactAttribute.Run(PyTorchFactAttribute.Python, ["-c", Script, _folder, $"{Batch}", $"{Classes}", factor.ToString(CultureInfo.InvariantCulture), .. names]);
        Assert.True(code == 0, said);

        var values = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(_folder, "gradient.bin"))).ToArray();
        var (gradients, at) = (new Dictionary<string, float[]>(), 1);
        foreach (var (name, parameter) in step.Network.named_parameters())
        {
            gradients[name] = values[at..(at + (int)parameter.numel())];
            at += (int)parameter.numel();
        }

        Assert.Equal(values.Length, at);
        return (values[0], gradients);
    }

    private void Save<T>(string name, T[] values) where T : unmanaged => File.WriteAllBytes(Path.Combine(_folder, name + ".bin"), MemoryMarshal.AsBytes<T>(values).ToArray());
}
