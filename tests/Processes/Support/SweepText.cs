namespace Vae.Tests.Processes.Support;

/// <summary>Sweep files of tests: sprites of 16 x 16 pixels and a small MLP, so that a trial takes a moment.</summary>
internal static class SweepText
{
    /// <summary>A sweep over beta and latent size.</summary>
    /// <param name="betas">Values of beta.</param>
    /// <param name="latents">Latent sizes.</param>
    /// <param name="epochs">Epochs of each trial.</param>
    /// <param name="workersPerPack">Worker processes of each trial.</param>
    /// <param name="count">Images; a fifth of them is held out.</param>
    /// <param name="encoder">Widths of the hidden layers.</param>
    /// <param name="resources">More of <c>resources</c>, as a comma and what follows it.</param>
    public static string Grid(string betas, string latents, int epochs, int workersPerPack = 1, int count = 625, string encoder = "64", string resources = "") => $$"""
        version: 1
        name: tiny
        dataset: { source: sprites, count: {{count}}, size: 16, holdout: 0.2, binarize: dynamic }
        model: { encoder: [{{encoder}}], latent: 4 }
        training: { epochs: {{epochs}}, batch: 64, learning_rate: 3e-3, seed: 3 }
        search:
          method: grid
          parameters:
            training.beta: { values: [{{betas}}] }
            model.latent: { values: [{{latents}}] }
        resources: { workers_per_pack: {{workersPerPack}}{{resources}} }
        """;
}
