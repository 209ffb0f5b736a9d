using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>A whole number within bounds, both included.</summary>
internal sealed class WholeNumber<T>(T min, T max) : FieldType<T>
    where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
{
    public override string Name => "whole number";

    public override string Allowed => min == max ? $"{min:N0}" : max == T.MaxValue ? $"{min:N0} or more" : $"{min:N0} to {max:N0}";

    public override string Expectation => min == max ? $"{min:N0}" : max == T.MaxValue ? $"a whole number, {min:N0} or more" : $"a whole number from {min:N0} to {max:N0}";

    public override NumberKind Number => NumberKind.Whole;

    public override bool TryRead(SourceNode node, out T value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = default;
        fault = null;
        if (node is not SourceNode.Scalar scalar) fault = ReadFault.WrongType(node);
        else if (scalar.Quoted) fault = ReadFault.WrongType(node, NumberText.IsWhole(scalar.Text) ? "remove the quotes" : null);
        else if (NumberText.IsNotFinite(scalar.Text)) fault = new(Rules.NotFinite, node.Describe(), null, node.At);
        else if (!NumberText.IsWhole(scalar.Text)) fault = ReadFault.WrongType(node, WholeHint(scalar.Text));
        else if (!T.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) || value < min || value > max)
        {
            fault = new(Rules.Range, node.Describe(), null, node.At);
        }
        return fault is null;
    }

    public override string Display(T value) => value.ToString(null, CultureInfo.InvariantCulture);

    public override void WriteJson(Utf8JsonWriter json, T value) => json.WriteRawValue(Display(value));

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "integer");
        json.WritePropertyName("minimum");
        json.WriteRawValue(Display(min));
        if (max == T.MaxValue) return;
        json.WritePropertyName("maximum");
        json.WriteRawValue(Display(max));
    }

    // 1e3 is a real number in YAML, and 1_000 is text: both look like whole numbers to their author.
    private static string? WholeHint(string text)
    {
        if (NumberText.IsWhole(text.Replace("_", "").Replace(",", ""))) return $"write {text.Replace("_", "").Replace(",", "")}";
        if (NumberText.TryReal(text, out var real) && real == Math.Floor(real) && Math.Abs(real) < 1e15) return $"write {real:F0}";
        return null;
    }
}

/// <summary>A finite real number within bounds; an open bound itself is not allowed.</summary>
internal sealed class RealNumber(double min, double max, bool minOpen = false, bool maxOpen = false) : FieldType<double>
{
    public override string Name => "number";

    public override string Allowed => minOpen ? $"above {Show(min)}, at most {Show(max)}" : maxOpen ? $"{Show(min)} to below {Show(max)}" : $"{Show(min)} to {Show(max)}";

    public override string Expectation => minOpen ? $"a number {Allowed}" : $"a number from {Allowed}";

    public override NumberKind Number => NumberKind.Real;

    public override bool TryRead(SourceNode node, out double value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = 0;
        fault = null;
        if (node is not SourceNode.Scalar scalar) fault = ReadFault.WrongType(node);
        else if (scalar.Quoted) fault = ReadFault.WrongType(node, NumberText.IsNumber(scalar.Text) ? "remove the quotes" : null);
        else if (NumberText.IsNotFinite(scalar.Text)) fault = new(Rules.NotFinite, node.Describe(), null, node.At);
        else if (!NumberText.TryReal(scalar.Text, out value)) fault = ReadFault.WrongType(node);
        else if (!double.IsFinite(value) || value < min || value > max || (minOpen && value == min) || (maxOpen && value == max))
        {
            fault = new(Rules.Range, node.Describe(), null, node.At);
        }
        return fault is null;
    }

    public override string Display(double value) => NumberText.Display(value);

    public override void WriteJson(Utf8JsonWriter json, double value) => json.WriteRawValue(Display(value));

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "number");
        json.WriteNumber(minOpen ? "exclusiveMinimum" : "minimum", min);
        json.WriteNumber(maxOpen ? "exclusiveMaximum" : "maximum", max);
    }

    private static string Show(double value) => Math.Abs(value) >= 1000 ? value.ToString("N0", CultureInfo.InvariantCulture) : NumberText.Display(value);
}
