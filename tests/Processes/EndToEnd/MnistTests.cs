using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

public class MnistTests
{
    private const string Images = "mnist/t10k-images-idx3-ubyte.gz";

    [FactOnData(Images)]
    public async Task Real_digits_are_learned_better_with_every_epoch()
    {
        using var home = new TemporaryHome();

        var run = (await RunningProgram.RunVaeAsync(
            "train", "--images", Checkout.FindData(Images)!, "--holdout", "0.2", "--encoder", "[256, 128]", "--latent", "8", "--batch", "32", "--learning-rate", "2e-3", "--epochs", "3",
            "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0);

        var results = SweepJson.Parse(run.Lines[^1]);
        var curves = Curves.Read(home.TrialFile(results.GetProperty("sweep").Text("id"), 0, "curves.csv"));
        Assert.Equal((8_000, 2_000), (results.Int("train_rows"), results.Int("held_out_rows")));
        Assert.Equal(3, curves.HeldOut.Count);
        Assert.Equal(curves.HeldOut.Select(row => row.Elbo).Order(), curves.HeldOut.Select(row => row.Elbo));
        Assert.True(curves.HeldOut[^1].Elbo > -150, $"held-out ELBO {curves.HeldOut[^1].Elbo:F1} nats.");
    }
}
