namespace Vae.Shared.Sweeps;

/// <summary>One searched value of one trial, in canonical text.</summary>
/// <param name="Path">For example <c>model.latent</c>.</param>
/// <param name="Value">For example <c>16</c>, <c>adam</c> or <c>[512, 256]</c>.</param>
public sealed record Assignment(string Path, string Value);

/// <summary>
/// One set of hyperparameters, fully resolved: beside the data set, all that a worker needs to train it.
/// Its wire and file form is TrialSpecJson.
/// </summary>
public sealed record TrialSpec
{
    /// <summary>Position in the sweep, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>What the search chose, in the order of the sweep file.</summary>
    public ValueList<Assignment> Assignments { get; init; } = [];

    public required ModelSpec Model { get; init; }

    public required TrainingSpec Training { get; init; }

    /// <summary>For people: <c>beta=4 latent=16</c>, each path cut to its shortest unambiguous end; <c>default</c> without a search.</summary>
    public string Label => TrialLabel.Of(Assignments);
}
