using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

/// <summary>One model, one batch and one step of any objective, without the engine. The current scope owns the tensors.</summary>
internal sealed class OneStep : IDisposable
{
    private static readonly ImageShape Image = new(1, 8, 8);

    public OneStep(TrainingSpec training, int batch = 6, int latent = 3, ModelSpec? model = null, int trainRows = 60)
    {
        Trial = new TrialSpec { Index = 0, Training = training, Model = (model ?? new ModelSpec()) with { Encoder = [12, 9], Latent = latent, Activation = Vae.Shared.Sweeps.Activation.Tanh } };
        Network = VaeNetwork.Create(Trial.Model, Image, [7UL], training);
        Objective = PackObjectives.Create(Network, Trial.Model, training);
        (Batch, Position) = (batch, new SlotPosition(Trial, 0, 10, 1000, batch, trainRows));
        X = torch.rand([1, batch, Image.Values]).gt(0.5).to(ScalarType.Float32);
        Noise = torch.randn([1, batch * Objective.NoiseRows, latent]);
        foreach (var parameter in Network.parameters()) parameter.grad = torch.zeros(parameter.shape);
        if (Trial.Model.Classes is { } classes) Labels = torch.tensor([.. Enumerable.Range(0, batch).Select(row => (long)(row % classes))], [1, batch]);
    }

    public TrialSpec Trial { get; }

    public VaeNetwork Network { get; }

    public PackObjective Objective { get; set; }

    public SlotPosition Position { get; set; }

    public int Batch { get; }

    public Tensor X { get; }

    public Tensor Noise { get; set; }

    /// <summary>Of the rows, for models that take them: the classes in order.</summary>
    public Tensor? Labels { get; set; }

    public StepInputs Inputs()
    {
        var values = new double[Objective.VectorCount];
        Objective.FillVectors(Position, values);
        return new StepInputs
        {
            X = X, Noise = Noise, Labels = Labels, Weights = new SlotWeights(1.0 / Batch), Ones = torch.ones([1]),
            RateWeight = torch.full([1, Objective.Columns.Rates], Objective.RateWeight(Position) / Batch),
            Vectors = [.. values.Select(value => torch.full([1], (float)value))],
            Parts = [new RowPart(0, Batch, Batch)], Positions = [Position], Exchange = NoStepExchange.Instance,
        };
    }

    /// <summary>Distortion, mean rate and penalty, as the engine reports them.</summary>
    public (double Distortion, double Rate, double Penalty, double Loss) Report(in StepTerms terms)
    {
        var (distortion, rate) = (terms.Distortion.sum().item(), terms.Rate.sum().item() / Batch);
        var penalty = terms.Penalty?.sum().item() ?? 0;
        return (distortion, rate, penalty, distortion + (Objective.RateWeight(Position) * rate) + penalty);
    }

    /// <summary>One backward as the engine makes it; the gradients by parameter.</summary>
    public Dictionary<string, float[]> Gradients(in StepTerms terms)
    {
        foreach (var parameter in Network.parameters()) parameter.grad!.zero_();
        var roots = new List<Tensor>();
        var starts = new List<Tensor>();
        Add(terms.Distortion, terms.DistortionGradient);
        Add(terms.Rate, terms.RateGradient);
        Add(terms.Penalty, terms.PenaltyGradient);
        Add(terms.Silent, terms.Silent is null ? null : torch.ones([1]));
        torch.autograd.backward([.. roots], [.. starts]);
        return Network.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.grad!.ToArray<float>());

        void Add(Tensor? root, Tensor? start)
        {
            if (start is null) return;
            roots.Add(root!);
            starts.Add(start);
        }
    }

    public static void Same(Dictionary<string, float[]> expected, Dictionary<string, float[]> actual, double relative = 1e-4)
    {
        foreach (var (name, want) in expected)
        {
            if (name.StartsWith("discriminator", StringComparison.Ordinal)) continue;
            var size = Math.Sqrt(want.Sum(value => (double)value * value));
            var error = Math.Sqrt(want.Zip(actual[name]).Sum(pair => Math.Pow(pair.First - pair.Second, 2)));
            Assert.True(error <= (relative * size) + 1e-7, $"{name}: {error} of {size}.");
        }
    }

    public void Dispose()
    {
        Objective.Dispose();
        Network.Dispose();
    }
}
