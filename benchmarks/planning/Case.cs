using System.Globalization;
using Vae.Data;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Benchmarks.Planning;

/// <summary>A model to plan for, on images that are made up.</summary>
internal sealed class Case
{
    public const int Rows = 10_000;
    public const int HeldOut = 2_000;

    private const int Classes = 10;

    public Case(string model, int batch, string[] rest)
    {
        Device = rest is [var device, ..] ? torch.Device.TryParse(device, out var known) ? known : throw new ArgumentException($"{device} is no device.", nameof(rest)) : torch.CPU;
        string[] parts = model.Split('+');
        var (spec, size) = parts[0] switch
        {
            "mlp" => (new ModelSpec { Encoder = [512, 256], Latent = 16 }, 28),
            "wide" => (new ModelSpec { Encoder = [2048, 2048, 1024], Latent = 64 }, 28),
            "gelu" => (new ModelSpec { Encoder = [512, 256], Latent = 16, Activation = Shared.Sweeps.Activation.Gelu }, 28),
            "tiny" => (new ModelSpec { Encoder = [64], Latent = 8 }, 28),
            "tiniest" => (new ModelSpec { Encoder = [16], Latent = 2 }, 8),
            "conv" => (new ModelSpec { Architecture = Architecture.Conv, Channels = [32, 32, 64, 64], Hidden = 256, Latent = 10 }, 64),
            "smallconv" => (new ModelSpec { Architecture = Architecture.Conv, Channels = [32, 64], Hidden = 256, Latent = 16 }, 28),
            "resnet" => (new ModelSpec { Architecture = Architecture.Resnet, Channels = [32, 64], Hidden = 256, Latent = 16 }, 28),
            "conditional" => (new ModelSpec { Family = ModelFamily.Conditional, Classes = Classes }, 28),
            "m2" => (new ModelSpec { Family = ModelFamily.M2, Classes = Classes }, 28),
            "ladder" => (new ModelSpec { Family = ModelFamily.Ladder }, 28),
            "vq" => (new ModelSpec { Family = ModelFamily.Vq }, 28),
            "vqconv" => (new ModelSpec { Family = ModelFamily.Vq, Architecture = Architecture.Conv, Channels = [32, 64] }, 28),
            _ => throw new ArgumentException($"There is no model {model}.", nameof(model)),
        };
        Data = new DataShape(Rows - HeldOut, 1, size, size, HeldOut);
        var training = new TrainingSpec { Batch = batch, Epochs = 1_000_000, MaxSteps = 12, EvaluateEvery = 1_000_000 };
        foreach (var word in parts[1..]) (spec, training) = With(spec, training, word);
        Trial = new TrialSpec { Index = 0, Model = spec, Training = training };
    }

    public TrialSpec Trial { get; }

    public DataShape Data { get; }

    public torch.Device Device { get; }

    public static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    public static int Usage()
    {
        Console.Error.WriteLine("usage: planning memory MODEL[+vamp][+iwaeK|+tc|+factor|+mmd] BATCH SLOTS LANES [DEVICE] | planning probe MODEL BATCH THREADS [DEVICE] | planning rate MODEL BATCH LANES SLOTS THREADS SECONDS [DEVICE]");
        return 2;
    }

    // What stands behind a model's name: mlp+vamp+iwae50.
    private static (ModelSpec Model, TrainingSpec Training) With(ModelSpec spec, TrainingSpec training, string word) => word switch
    {
        "vamp" => (spec with { Prior = Prior.Vamp }, training),
        "tc" => (spec, training with { Objective = TrainingObjective.Tc }),
        "factor" => (spec, training with { Objective = TrainingObjective.Factor }),
        "mmd" => (spec, training with { Objective = TrainingObjective.Mmd }),
        "gaussian" => (spec with { Likelihood = Likelihood.Gaussian }, training),
        _ when word.StartsWith("iwae", StringComparison.Ordinal) => (spec, training with { Objective = TrainingObjective.Iwae, ImportanceSamples = Number(word[4..]) }),
        _ => throw new ArgumentException($"There is no {word}.", nameof(word)),
    };

    public ImageSet Images()
    {
        var pixels = new byte[(long)Rows * Data.Values];
        new Random(1).NextBytes(pixels);
        return new ImageSet(Data.Channels, Data.Height, Data.Width, pixels, LabelsOf(Rows));
    }

    /// <summary>A few rows of the same kind, of pixels that are 0.</summary>
    public ImageSet Blank(int rows) => new(Data.Channels, Data.Height, Data.Width, new byte[(long)rows * Data.Values], LabelsOf(rows));

    // Where the model wants some.
    private byte[] LabelsOf(int rows) => Trial.Model.Classes is { } classes ? [.. Enumerable.Range(0, rows).Select(row => (byte)(row % classes))] : [];
}
