using System.Globalization;
using Vae.Cli.Models;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using YamlDotNet.RepresentationModel;

namespace Vae.Tests.Unit.Cli;

public class ModelCardTests
{
    private static readonly ModelConfig Config = new(
        new TrialSpec { Index = 0, Assignments = [new("training.beta", "4")], Model = new ModelSpec { Latent = 10 }, Training = new TrainingSpec { Beta = 4 } },
        new DatasetSource { Source = DatasetSource.Idx, Images = "data/train-images-idx3-ubyte.gz" },
        new ImageShape(1, 28, 28),
        new ResultFacts(-85.125, 65, 20.125, 9, 6_300, 100, 51.5, 595_476),
        new RunFacts(new string('a', 64), "s-2345bcdf", 2, "cpu", 1, "1.13.0", "OpenBLAS 0.3.21 Haswell", "AVX2", "AMD EPYC", "0.1.0"));

    [Fact]
    public void The_front_matter_is_yaml_that_a_model_hub_reads()
    {
        var front = Front(ModelCard.Write(Config, "no", "apache-2.0", []));

        Assert.Equal("apache-2.0", Text(front, "license"));
        Assert.Contains("beta-vae", ((YamlSequenceNode)front["tags"]).Select(tag => tag.ToString()));
        Assert.Equal("train-images-idx3-ubyte.gz", ((YamlSequenceNode)front["datasets"])[0].ToString());
        var model = (YamlMappingNode)((YamlSequenceNode)front["model-index"])[0];
        Assert.Equal("no", Text(model, "name"));
        var metrics = (YamlSequenceNode)((YamlMappingNode)((YamlSequenceNode)model["results"])[0])["metrics"];
        Assert.Equal(["elbo", "distortion", "rate", "active_units"], metrics.Select(metric => Text((YamlMappingNode)metric, "type")));
        Assert.Equal(-85.125, double.Parse(Text((YamlMappingNode)metrics[0], "value"), CultureInfo.InvariantCulture));
    }

    [Fact]
    public void A_name_with_quotes_stays_a_name() =>
        Assert.Equal("my \"best\" \\ model", Text((YamlMappingNode)((YamlSequenceNode)Front(ModelCard.Write(Config, "my \"best\" \\ model", "other", []))["model-index"])[0], "name"));

    [Fact]
    public void A_model_of_unknown_origin_has_a_card_without_figures()
    {
        var card = ModelCard.Write(Config with { Result = null, Run = null, Dataset = null }, "mine", "other", []);

        Assert.False(Front(card).Children.ContainsKey(new YamlScalarNode("model-index")));
        Assert.Contains("| data set | unknown |", card);
    }

    [Fact]
    public void A_card_shows_how_to_load_the_model_only_where_the_loader_is_beside_it()
    {
        Assert.Contains("model.decode(model.draw(64))", ModelCard.Write(Config, "mine", "other", [PyTorchLoader.FileName]));
        Assert.DoesNotContain("torch", ModelCard.Write(Config, "mine", "other", []).Split("## Use")[1]);
    }

    [Fact]
    public void A_card_gives_labels_to_a_model_that_takes_them()
    {
        var config = Config with { Trial = Config.Trial with { Model = Config.Trial.Model with { Family = ModelFamily.Conditional, Classes = 3 } } };

        Assert.Contains("labels = torch.arange(64) % 3\nimages = model.decode(model.draw(64), labels)", ModelCard.Write(config, "mine", "other", [PyTorchLoader.FileName]));
    }

    [Fact]
    public void A_card_of_codes_loads_codes_and_counts_no_active_units()
    {
        var config = Config with { Trial = Config.Trial with { Model = Config.Trial.Model with { Family = ModelFamily.Vq } } };

        var card = ModelCard.Write(config, "mine", "other", [PyTorchLoader.FileName]);

        Assert.Contains("codes = model.encode(images)\n", card);
        Assert.DoesNotContain("active_units", card);
    }

    [Fact]
    public void A_card_counts_the_latents_of_all_layers_of_a_ladder()
    {
        var card = ModelCard.Write(Config with { Trial = Config.Trial with { Model = Config.Trial.Model with { Family = ModelFamily.Ladder, Ladder = [12, 5] } } }, "mine", "other", []);

        Assert.Contains("of the family ladder with 2 layers of latents: mlp, 17 latent dimensions", card);
        Assert.Contains("| 9 of 17 |", card);
    }

    [Fact]
    public void A_card_names_objective_prior_and_what_the_objective_says_beside_the_bound()
    {
        var trial = Config.Trial with { Model = Config.Trial.Model with { Prior = Prior.Vamp, PseudoInputs = 30 }, Training = Config.Trial.Training with { Objective = TrainingObjective.Iwae, ImportanceSamples = 50 } };
        var card = ModelCard.Write(Config with { Trial = trial, Result = Config.Result! with { Figures = new Dictionary<string, double> { ["iwae_bound"] = -84.25 } } }, "mine", "other", []);

        Assert.Contains("| objective | iwae, 50 samples |", card);
        Assert.Contains("| prior | vamp, 30 pseudo-inputs |", card);
        Assert.Contains("- iwae_bound: -84.25", card);
    }

    private static YamlMappingNode Front(string card)
    {
        var parts = card.Split("---\n");
        Assert.Equal("", parts[0]);
        var stream = new YamlStream();
        stream.Load(new StringReader(parts[1]));
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    private static string Text(YamlMappingNode node, string key) => ((YamlScalarNode)node[key]).Value!;
}
