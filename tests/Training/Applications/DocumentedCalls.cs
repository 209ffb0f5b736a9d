using Vae.Data;
using Vae.Models.Applications;
using Vae.Models.Compression;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Tests.Training.Applications;

/// <summary>
/// The C# of the documents, so that the compiler reads it: <see cref="DocumentedCallTests"/> holds the two to each other, line by line. Each method is what some blocks of one page need, in the order of the page; what a block
/// takes from the reader's own program is a parameter.
/// </summary>
internal static class DocumentedCalls
{
    public static void Applications(LatentModel digits, int[] sevens, int[] ones, int[] fours, float[] ordinary, double[] ordinaryScores, double[] strangeScores)
    {
        TorchProcess.Initialize();
        using var trained = TrainedModel.Load("folder", torch.CPU);
        LatentModel model = trained.Latents;                    // trained.Model where new images and reconstructions are enough
        float[] images = model.Generate(count: 100, seed: 2);   // or your own: [n, C, H, W], 0 to 1
        LatentRows rows = LatentRows.Encode(model, images);     // Means [n, d], LogVariances [n, d], Rates [n, d] in nats
        float[] painted = LatentRows.Decode(model, rows.Means); // [n, C, H, W], 0 to 1

        float[] fromPrior = model.Generate(count: 64, seed: 1); // any family: GenerativeModel.Generate
        var density = LatentDensity.Fit(rows.Draw(seed: 1), model.Latent, components: 20, seed: 1);
        float[] fromDensity = Generation.FromDensity(model, density, count: 64, seed: 1);
        float[] sevensOnly = digits.Under(7).Generate(count: 16, seed: 1);
        float[] eachLabel = Generation.UnderEachLabel(digits, digits.DrawPrior(8, seed: 1)); // [labels, 8, C, H, W]

        float[] reconstructions = trained.Model.Reconstruct(images); // [n, C, H, W]; any family
        float[] between = Interpolation.Images(model, rows.Mean(12), rows.Mean(40), steps: 10, InterpolationPath.Spherical); // [10, C, H, W]

        int[] order = Traversal.Order(rows.MeanRates());
        Traversal traversal = Traversal.Of(model, model.PriorMean(), order, Traversal.Spread(range: 3, steps: 11)); // Images: [d, 11, C, H, W]

        float[] result = LatentArithmetic.Combine(rows.Centre(sevens), rows.Centre(ones), rows.Centre(fours)); // [d]; sevens, ones, fours: row numbers

        using var file = File.Create("latents.npy");
        LatentFiles.WriteNpy(file, rows, logVariances: false);

        AnomalyScores scores = Anomaly.Score(model, images, samples: 16, seed: 1);           // Distortion, Rate, Total: [n]
        double threshold = Anomaly.Threshold(Anomaly.Score(model, ordinary, 16, 1).Total, quantile: 0.99);
        double area = Auroc.Of(ordinaryScores, strangeScores);

        string page = PyTorchLoader.Write(trained.Network, trained.Config.Trial.Model);
        using var weights = File.Create("model.safetensors");
        TrainedModel.Write(weights, trained.Network, replica: 0, trained.Config);
    }

    public static void Evaluation(DatasetSource source, string folder)
    {
        using var model = TrainedModel.Load("models/mnist", torch.CPU);
        var data = DatasetLoader.Load(source, folder);
        var rows = new EvaluationRows(data.Images, data.Binarize, seed: 1, torch.CPU);
        var ranges = new EvaluationRanges(new RowRange(0, data.TrainRows), new RowRange(data.TrainRows, data.HeldOut));
        var evaluation = new ModelEvaluation(model.Latents, rows, ranges);
        foreach (var figure in evaluation.Compute(MetricGroup.LogLikelihood, samples: 5_000)) Console.WriteLine($"{figure.Name} {figure.Value} +- {figure.StandardError} {figure.Unit}");
    }

    public static void Conditional(float[] images, int[] labels)
    {
        using var model = TrainedModel.Load("models/digits", torch.CPU);
        float[] sevens = model.Latents.Under(7).Generate(count: 16, seed: 1);                            // [16, C, H, W]
        float[] grid = Generation.UnderEachLabel(model.Latents, model.Latents.DrawPrior(8, seed: 1));    // [classes, 8, C, H, W]
        LatentRows rows = LatentRows.Encode(model.Latents, images, labels);
        float[] asThrees = LatentRows.Decode(model.Latents.Under(3), rows.Means);                        // the same handwriting, another digit
    }

    public static void FewLabels(Tensor x)
    {
        using var model = TrainedModel.Load("models/few-labels", torch.CPU);
        int[] classes = model.Latents.Infer(x);                   // of [n, D] rows
    }

    public static void Compression(ReadOnlyMemory<byte> pixels)
    {
        var model = CodingModel.Load("model-folder");
        var packed = ImageCompressor.Compress(model, pixels, new CompressionOptions { Threads = 4 });
        File.WriteAllBytes("x.vaez", packed.ToArray());
        var (header, back) = ImageDecompressor.Decompress(CodingModel.Load("model-folder"), File.ReadAllBytes("x.vaez"), "x.vaez", threads: 4);
    }
}
