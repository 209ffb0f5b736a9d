using Vae.Cli.Sources;
using Vae.Data.Files;
using Vae.Data.Png;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Worker.Engine;

namespace Vae.Cli.Models;

/// <summary>A model that is loaded and ready to show something.</summary>
internal sealed class OpenModel : IDisposable
{
    private OpenModel(TrainedModel model, DatasetSource? dataset)
    {
        Model = model;
        Pictures = new Pictures(model.Model);
        Dataset = dataset;
    }

    public TrainedModel Model { get; }

    public Pictures Pictures { get; }

    /// <summary>What the applications work on.</summary>
    /// <exception cref="CliException">Models of this kind have no continuous latents to work on.</exception>
    public LatentModel Latents => field ??= FindLatents();

    public ImageShape Image => Model.Network.Image;

    /// <summary>What it was trained on, see <see cref="DatasetOf"/>; null when neither its config nor the store under --home tells.</summary>
    public DatasetSource? Dataset { get; }

    /// <exception cref="CliException">There is no such model.</exception>
    public static async Task<OpenModel> OpenAsync(string typed, string home, string device, CancellationToken cancellation)
    {
        var path = await ModelPath.FindAsync(typed, home, cancellation);
        var (chosen, _) = DeviceProbe.Open(device, Environment.ProcessorCount);
        var model = TrainedModel.Load(path, chosen);
        return new OpenModel(model, DatasetOf(model.Config, home));
    }

    /// <summary>The model under one label.</summary>
    /// <exception cref="CliException">It takes no labels, or not this one.</exception>
    public LatentModel Under(int label) => Model.Model.Classes == 0 ? throw new CliException(ExitCode.Usage, "The model takes no labels, so --label says nothing to it.")
        : label >= Latents.Classes ? throw new CliException(ExitCode.InvalidInput, $"There is no label {label}: the model was trained on 0 to {Latents.Classes - 1}.")
        : Latents.Under(label);

    private LatentModel FindLatents()
    {
        if (Model.Model is CodeModel)
            throw new CliException(ExitCode.InvalidInput, "This needs continuous latents, and a vq model has codes.", "`vae model generate`, `reconstruct`, `encode`, `anomaly`, `evaluate` and `export` work on it.");
        try
        {
            return Model.Latents;
        }
        catch (ArgumentException refused)
        {
            throw new CliException(ExitCode.InvalidInput, refused.Message);
        }
    }

    /// <summary>
    /// What a model was trained on; null when nobody tells. Its config has the paths of the sweep file, which are meant from that file's folder and not from where the program runs now: the store under <paramref name="home"/>
    /// knows the folder. Without the store a relative path is meant from the current folder.
    /// </summary>
    public static DatasetSource? DatasetOf(ModelConfig config, string home)
    {
        if (config.Dataset is { } whole && IsPlaced(whole.Images) && IsPlaced(whole.Labels)) return whole;
        if (config.Run is not { Sweep.Length: > 0 } run) return config.Dataset;
        using var store = new LocalSource(home);
        if (store.DatasetOf(run.Sweep) is not var (source, folder)) return config.Dataset;
        return source with
        {
            Images = source.Images is { } images ? Path.GetFullPath(images, folder) : null,
            Labels = source.Labels is { } labels ? Path.GetFullPath(labels, folder) : null,
        };

        static bool IsPlaced(string? path) => path is null || Path.IsPathRooted(path);
    }

    /// <summary>Writes a picture so that the file is whole or not there.</summary>
    public static void Save(PngImage picture, string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        AtomicFile.Write(path, stream => PngWriter.Write(stream, picture));
    }

    public void Dispose() => Model.Dispose();
}
