using System.Text.Json;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>One run of a sweep over beta and latent size by two worker processes, which several tests look at.</summary>
public sealed class FinishedSweep : IAsyncLifetime
{
    public const int Epochs = 40, TrainRows = 500, HeldOutRows = 125, Batch = 64;
    public const int Steps = Epochs * ((TrainRows - 1) / Batch + 1);

    internal TemporaryHome Home { get; } = new();

    internal Ending Run { get; private set; } = new(-1, "", "");

    /// <summary>The last line: the sweep and its ranked trials.</summary>
    internal JsonElement Results { get; private set; }

    internal string Sweep => Results.GetProperty("sweep").Text("id");

    internal IReadOnlyList<JsonElement> Trials => Results.Items("trials");

    internal string FileOf(JsonElement trial, string file) => Home.TrialFile(Sweep, trial.Int("trial"), file);

    public async Task InitializeAsync()
    {
        var file = Home.Write("sweep.yaml", SweepText.Grid("0.5, 4", "2, 8", Epochs));
        Run = (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "2", "--threads", "1", "--json", "--home", Home.Path)).Expect(0);
        Results = SweepJson.Parse(Run.Lines[^1]);
    }

    public Task DisposeAsync()
    {
        Home.Dispose();
        return Task.CompletedTask;
    }
}
