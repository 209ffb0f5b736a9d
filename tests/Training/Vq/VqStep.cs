using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

/// <summary>One VQ-VAE of 8 x 8 pixels and one rank's part of one batch, without the engine. The current scope owns the tensors.</summary>
internal sealed class VqStep : IDisposable
{
    public static readonly ImageShape Image = new(1, 8, 8);

    public VqStep(ModelSpec? model = null, TrainingSpec? training = null, int batch = 6, ulong seed = 7)
    {
        Trial = new TrialSpec { Index = 0, Model = (model ?? new ModelSpec()) with { Family = ModelFamily.Vq }, Training = training ?? new() };
        if (model is null) Trial = Trial with { Model = Small };
        Network = VqNetwork.Create(Trial.Model, Image, seed);
        Objective = new VqObjective(Network, Trial.Model);
        (Batch, X) = (batch, torch.rand([1, batch, Image.Values]).gt(0.5).to(ScalarType.Float32));
        // Codes close to some of the encoder's vectors, so that rows choose different ones.
        using (torch.no_grad()) Network.Codebook.Vectors.copy_(Network.Encode(X).slice(1, 0, 2 * Trial.Model.Codes, 2) * 1.05);
        foreach (var parameter in Network.parameters()) parameter.grad = torch.zeros(parameter.shape);
    }

    public static ModelSpec Small { get; } = new()
    {
        Family = ModelFamily.Vq, Encoder = [12, 9], Latent = 3, Codes = 7, CodeSize = 4, CodePriorWidth = 5, Activation = Vae.Shared.Sweeps.Activation.Tanh,
        Architecture = Architecture.Mlp, Channels = [4, 6],
    };

    public TrialSpec Trial { get; }

    public VqNetwork Network { get; }

    public VqObjective Objective { get; }

    public Tensor X { get; }

    public int Batch { get; }

    public SlotPosition At(long step = 0) => new(Trial, step, 10, 1000, Batch, 60);

    /// <summary>What the rank that has rows <paramref name="first"/> to <paramref name="first"/> + <paramref name="count"/> of the batch gets.</summary>
    public StepInputs Inputs(int first = 0, int? count = null, long step = 0)
    {
        var rows = count ?? Batch;
        var inputs = new StepInputs
        {
            X = X.narrow(1, first, rows), Noise = torch.zeros([1, rows, 0]), Weights = new SlotWeights(1.0 / Batch), Ones = torch.ones([1]),
            RateWeight = torch.full([1, Network.Positions], 1.0 / Batch), Vectors = [torch.full([1], Trial.Training.Commitment)],
            Parts = [new RowPart(first, rows, Batch)], Positions = [At(step)], Exchange = NoStepExchange.Instance,
        };
        Objective.Prepare(inputs);
        return inputs;
    }

    /// <summary>Gradients by parameter of the given parts of a step.</summary>
    public Dictionary<string, float[]> Gradients(in StepTerms terms, bool distortion = true, bool rate = true, bool penalty = true)
    {
        foreach (var parameter in Network.parameters()) parameter.grad!.zero_();
        var (roots, starts) = (new List<Tensor>(), new List<Tensor>());
        Add(distortion, terms.Distortion, terms.DistortionGradient);
        Add(rate, terms.Rate, terms.RateGradient);
        Add(penalty, terms.Penalty!, terms.PenaltyGradient);
        torch.autograd.backward([.. roots], [.. starts]);
        return Network.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.grad!.ToArray<float>());

        void Add(bool wanted, Tensor root, Tensor? start)
        {
            if (!wanted) return;
            roots.Add(root);
            starts.Add(start!);
        }
    }

    /// <summary>The nearest code of each vector, by the definition.</summary>
    public static long[] Nearest(float[] z, float[] codes, int size)
    {
        var chosen = new long[z.Length / size];
        for (var row = 0; row < chosen.Length; row++)
        {
            var best = double.PositiveInfinity;
            for (var code = 0; code < codes.Length / size; code++)
            {
                var distance = Enumerable.Range(0, size).Sum(i => Math.Pow((double)z[(row * size) + i] - codes[(code * size) + i], 2));
                if (distance < best) (best, chosen[row]) = (distance, code);
            }
        }

        return chosen;
    }

    public void Dispose()
    {
        Objective.Dispose();
        Network.Dispose();
    }
}
