using System.Runtime.InteropServices;
using System.Text;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Activation = Vae.Shared.Sweeps.Activation;
using Architecture = Vae.Shared.Sweeps.Architecture;

namespace Vae.Tests.Training.Applications;

public sealed class PyTorchLoaderTests : TorchTest, IDisposable
{
    private const int Rows = 5;
    private const string Script = """
        import importlib.util, struct, sys, torch
        for folder in sys.argv[1:]:
            spec = importlib.util.spec_from_file_location("load_model", f"{folder}/load_model.py")
            loader = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loader)
            model = loader.load(folder)
            with open(f"{folder}/x.bin", "rb") as file:
                x = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(5, -1)
            if hasattr(model, "codebook"):
                codes = model.encode(x)
                assert model.draw(3).shape == codes[:3].shape and int(model.draw(20).max()) < len(model.codebook.vectors)
                values = torch.cat([codes.flatten().float(), model.decode(codes).flatten(), model.prior(model.codebook.vectors[codes]).flatten()]).tolist()
                with open(f"{folder}/y.bin", "wb") as file:
                    file.write(struct.pack(f"<{len(values)}f", *values))
                continue
            y = torch.tensor([0, 1, 2, 1, 0])
            given = (y,) if hasattr(model, "encoder_label") else ()
            mean, log_variance = model.encode(x, *given)
            assert model.draw(3).shape == mean[:3].shape
            logits = [model.classify(x).flatten()] if hasattr(model, "classify") else []
            values = torch.cat([mean.flatten(), log_variance.flatten(), model.decode(mean, *given).flatten(), *logits]).tolist()
            with open(f"{folder}/y.bin", "wb") as file:
                file.write(struct.pack(f"<{len(values)}f", *values))
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vae-loader-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [PyTorchFact]
    public void Plain_pytorch_computes_what_this_program_computes()
    {
        ModelSpec[] specs =
        [
            TestModel.Spec(), TestModel.Spec() with { Activation = Activation.Tanh, Encoder = [16, 12], Decoder = [10] }, TestModel.Spec(likelihood: Likelihood.Gaussian) with { Activation = Activation.Gelu },
            TestModel.Spec(Architecture.Conv) with { Activation = Activation.LeakyRelu }, TestModel.Spec(Architecture.Conv, Likelihood.Gaussian) with { Activation = Activation.Silu },
            TestModel.Spec(Architecture.Conv) with { Activation = Activation.Elu, Channels = [6] },
            TestModel.Spec(Architecture.Resnet, Likelihood.ContinuousBernoulli) with { Blocks = 2, Groups = 2 }, TestModel.Spec(likelihood: Likelihood.DiscretisedLogistic),
            TestModel.Spec(Architecture.Resnet) with { Activation = Activation.LeakyRelu, Groups = 2, Blocks = 1 }, TestModel.Spec() with { Encoder = [] }, TestModel.Spec() with { Prior = Prior.Vamp, PseudoInputs = 7 },
            Ladder(Likelihood.Bernoulli) with { Activation = Activation.LeakyRelu }, Ladder(Likelihood.Gaussian) with { Ladder = [5, 2], Encoder = [12, 7], Decoder = [6, 9] },
            Labelled(TestModel.Spec()), Labelled(TestModel.Spec() with { Encoder = [] }), Labelled(TestModel.Spec(Architecture.Conv)),
            Labelled(TestModel.Spec(), ModelFamily.M2), Labelled(TestModel.Spec(Architecture.Resnet) with { Groups = 2 }, ModelFamily.M2),
            Codes(TestModel.Spec() with { Latent = 5 }), Codes(TestModel.Spec(Architecture.Conv)), Codes(TestModel.Spec(Architecture.Resnet, Likelihood.Gaussian) with { Groups = 2 }),
            Codes(TestModel.Spec(likelihood: Likelihood.DiscretisedLogistic) with { Latent = 1, Encoder = [] }),
        ];
        var x = TestModel.Images(Rows);
        var folders = specs.Select((spec, i) => Export(spec, $"{i}", x)).ToArray();

        var (code, said) = PyTorchFactAttribute.Run(PyTorchFactAttribute.Python, ["-c", Script, .. folders]);

        Assert.True(code == 0, said);
        for (var i = 0; i < specs.Length; i++)
        {
            using var network = Network(specs[i]);
            var expected = network is VqNetwork coded ? Coded(coded, specs[i], x) : Continuous(network, specs[i], x);
            var theirs = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(folders[i], "y.bin"))).ToArray();
            Assert.Equal(expected.Length, theirs.Length);
            for (var j = 0; j < expected.Length; j++) Assert.True(Math.Abs(expected[j] - theirs[j]) < 1e-5, $"Model {i}, number {j}: {expected[j]} here, {theirs[j]} there.");
        }
    }

    [Fact]
    public void The_loader_is_about_thirty_lines_written_for_its_model()
    {
        foreach (var (spec, mostLines) in new[]
        {
            (TestModel.Spec(), 32), (TestModel.Spec(Architecture.Conv), 34), (TestModel.Spec(Architecture.Resnet) with { Groups = 2 }, 48), (Ladder(Likelihood.Bernoulli), 54),
            (Labelled(TestModel.Spec()), 36), (Labelled(TestModel.Spec(), ModelFamily.M2), 41), (Labelled(TestModel.Spec(Architecture.Resnet) with { Groups = 2 }, ModelFamily.M2), 60),
            (Codes(TestModel.Spec()), 58), (Codes(TestModel.Spec(Architecture.Conv)), 60),
        })
        {
            using var network = Network(spec);

            var text = PyTorchLoader.Write(network, spec);

            Assert.InRange(text.TrimEnd().Split('\n').Length, 20, mostLines);
            Assert.DoesNotContain(" \n", text, StringComparison.Ordinal);
            Assert.Equal(spec.Family == ModelFamily.M2, text.Contains("def classify", StringComparison.Ordinal));
            Assert.Equal(spec.Architecture == Architecture.Resnet, text.Contains("class Block", StringComparison.Ordinal));
            Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, 180));
        }
    }

    [Fact]
    public void The_loader_in_the_docs_is_one_that_is_written()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Vae.Distributed.sln"))) root = Path.GetDirectoryName(root)!;
        var spec = new ModelSpec { Encoder = [512, 256], Latent = 16 };
        using var network = PackNetworks.CreateEmpty(spec, null, new ImageShape(1, 28, 28), 1);

        var text = PyTorchLoader.Write(network, spec);

        Assert.Contains(text.TrimEnd(), File.ReadAllText(Path.Combine(root, "docs", "models.md")), StringComparison.Ordinal);
    }

    private static ModelSpec Ladder(Likelihood likelihood) => new() { Family = ModelFamily.Ladder, Ladder = [4, 3, 2], Encoder = [16, 12, 8], Likelihood = likelihood };

    private static PackNetwork Network(ModelSpec spec) => PackNetworks.Create(new TrialSpec { Index = 0, Model = spec, Training = new() { Seed = 5 } }, TestModel.Image);

    private static ModelSpec Labelled(ModelSpec spec, ModelFamily family = ModelFamily.Conditional) => spec with { Family = family, Classes = 3 };

    private static ModelSpec Codes(ModelSpec spec) => spec with { Family = ModelFamily.Vq, Codes = 7, CodeSize = 4, CodePriorWidth = 6 };

    private static float[] Continuous(PackNetwork network, ModelSpec spec, float[] x)
    {
        var model = LatentModel.Of(network, spec);
        if (model.Classes > 0) model = model.Under(0, 1, 2, 1, 0);
        var ours = LatentRows.Encode(model, x, [.. model.Labels]);
        return [.. ours.Means, .. ours.LogVariances, .. Images(model, ours.Means), .. Logits(network, x)];
    }

    // Codes, images of them and logits of the prior, not cut to 0 to 1 either.
    private static float[] Coded(VqNetwork network, ModelSpec spec, float[] x)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var codes = network.Codebook.Nearest(network.Encode(torch.tensor(x, [1, Rows, TestModel.Image.Values])));
        var vectors = network.Codebook.Look(codes);
        var images = new Observation(network, spec).ToImages(network.Decode(vectors));
        return [.. codes.to(ScalarType.Float32).ToArray<float>(), .. images.contiguous().ToArray<float>(), .. network.Prior.Logits(vectors.view(1, Rows, network.Positions, 4)).contiguous().ToArray<float>()];
    }

    private static float[] Logits(PackNetwork network, float[] x)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        return network is VaeNetwork { Classifier: not null } vae ? vae.Classify(torch.tensor(x, [1, Rows, TestModel.Image.Values])).ToArray<float>() : [];
    }

    // Not cut to 0 to 1, as a picture is: means of a Gaussian may lie outside.
    private static float[] Images(LatentModel model, float[] latents)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        return model.Decode(torch.tensor(latents, [Rows, model.Latent])).contiguous().ToArray<float>();
    }

    private string Export(ModelSpec spec, string name, float[] x)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        var config = new ModelConfig(new TrialSpec { Index = 0, Assignments = [], Model = spec, Training = new TrainingSpec() }, null, TestModel.Image, null, null);
        using var network = Network(spec);
        using (var file = File.Create(Path.Combine(folder, TrainedModel.FileName))) TrainedModel.Write(file, network, 0, config);
        File.WriteAllText(Path.Combine(folder, ModelConfig.FileName), config.Write());
        File.WriteAllText(Path.Combine(folder, PyTorchLoader.FileName), PyTorchLoader.Write(network, spec));
        File.WriteAllBytes(Path.Combine(folder, "x.bin"), MemoryMarshal.AsBytes<float>(x).ToArray());
        return folder;
    }
}
