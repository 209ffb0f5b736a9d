using Microsoft.Extensions.Logging.Abstractions;
using Vae.Coordinator.Hosting;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Hosting;

public sealed class DataRootTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("vae-data-root-").FullName;

    [Theory]
    [InlineData("/etc/hostname")]
    [InlineData("../secret")]
    [InlineData("link")]
    public async Task A_sweep_that_leads_out_of_the_data_folder_fails_before_its_file_is_read(string path)
    {
        var root = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        File.WriteAllText(Path.Combine(_folder, "secret"), "not yours");
        File.CreateSymbolicLink(Path.Combine(root, "link"), Path.Combine(_folder, "secret"));
        var text = $"version: 1\nname: thief\ndataset: {{ source: idx, images: {path} }}\n";
        var definition = SweepParser.Parse(text).Definition!;
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorOptions { Home = Path.Combine(_folder, "home"), DataRoot = root }, NullLoggerFactory.Instance, CancellationToken.None);

        var sweep = await host.SubmitAsync(definition, text, root, CancellationToken.None);

        var deadline = DateTime.UtcNow + Patience;
        while (host.View(sweep).State == SweepState.Running && DateTime.UtcNow < deadline) await Task.Delay(10);
        var view = host.View(sweep);
        Assert.Equal(SweepState.Failed, view.State);
        Assert.Contains("leads out of", view.Reason, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
